import type { Failure } from './simulator.js'

/** A failure as it is told: what, where, and with which release of Node. */
export function failureText(title: string, failure: Failure): string {
  const { invariant, kind, message, step, atMs, after, stack } = failure
  const which = invariant === 0 ? kind : `invariant ${invariant}, ${kind}`
  const lines = [
    `FAILED: ${title}: ${which}`,
    `  ${message}`,
    `  first seen at step ${step}, ${(atMs / 1_000).toFixed(3)} s of virtual time${after === '' ? '' : `, after "${after}"`}; Node ${process.version}`,
  ]
  const frames = stack.split('\n').filter(line => /^\s+at /.test(line))
  return [...lines, ...frames.slice(0, 8).map(line => `  ${line.trim()}`)].join('\n')
}

/** The text of a plan file: how it failed as a comment, then the plan. */
export function planFileText(plan: string, title: string, failure: Failure | undefined): string {
  const which = failure ? `${failure.invariant === 0 ? '' : `invariant ${failure.invariant}, `}${failure.kind}` : ''
  const told = failure ? `# ${title}: ${which}\n# ${failure.message.replaceAll('\n', '\n# ')}\n` : `# ${title}\n`
  return `${told}${plan.endsWith('\n') ? plan : `${plan}\n`}`
}
