import { plural } from '../plural.js'

/** What a supervisor saw or did. `atMs` is milliseconds since 1970. */
export type SupervisorEvent = { readonly atMs: number; readonly node: string } & (
  | { readonly type: 'started'; readonly pid: number; readonly generation: number }
  /** `awayMs`: since it was noticed to be gone; undefined for the first start. */
  | { readonly type: 'ready'; readonly pid: number; readonly startMs: number; readonly awayMs: number | undefined }
  /** It answers, and may not serve: its own reason. */
  | { readonly type: 'not-ready'; readonly reason: string }
  | { readonly type: 'serving-again'; readonly notReadyMs: number }
  | { readonly type: 'hung'; readonly pid: number; readonly finding: string }
  /** Its process ended. `lastError`: the last that it said of an error. */
  | { readonly type: 'ended'; readonly how: string; readonly lastError: string | undefined }
  | { readonly type: 'restarting'; readonly waitMs: number; readonly quickEnds: number }
  | {
      readonly type: 'given-up'
      readonly ends: number
      readonly windowMs: number
      /** Why another start would end in the same way; undefined where it ended too often. */
      readonly futile: string | undefined
      readonly lastError: string | undefined
    }
  /** A planned restart begins: it is asked to drain and end. */
  | { readonly type: 'draining' }
  /** What the process said itself. */
  | { readonly type: 'said'; readonly level: 'warn' | 'error'; readonly text: string }
  /** The whole room: where to reach each node, and the balancer. */
  | { readonly type: 'up'; readonly urls: Readonly<Record<string, string>> }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'trouble'; readonly text: string }
  | { readonly type: 'stopped'; readonly how: string }
)

/** An event before it is stamped with its time and node. */
export type SupervisorNews = SupervisorEvent extends infer Event
  ? Event extends SupervisorEvent
    ? Omit<Event, 'atMs' | 'node'>
    : never
  : never

/** The event as a sentence, without its time. */
export function describe(event: SupervisorEvent): string {
  return `${event.node} ${predicate(event)}`
}

/** Whether an operator should act on it. */
export function isError(event: SupervisorEvent): boolean {
  return event.type === 'given-up' || event.type === 'trouble' || (event.type === 'said' && event.level === 'error')
}

function predicate(event: SupervisorEvent): string {
  switch (event.type) {
    case 'started':
      return `started as process ${event.pid}${event.generation === 0 ? '' : `, start ${event.generation + 1}`}`
    case 'ready':
      return event.awayMs === undefined
        ? `is ready after ${seconds(event.startMs)}`
        : `is ready again: it was away for ${seconds(event.awayMs)}`
    case 'not-ready':
      return `is not ready: ${event.reason}`
    case 'serving-again':
      return `is ready again after ${seconds(event.notReadyMs)}, the same process`
    case 'hung':
      return `hangs (${event.finding}): SIGKILL to process ${event.pid}`
    case 'ended':
      return `is gone: ${event.how}${because(event.lastError)}`
    case 'restarting':
      return `starts again in ${Math.round(event.waitMs)} ms${event.quickEnds > 1 ? ` (${event.quickEnds} quick ends)` : ''}`
    case 'given-up':
      return `is given up: ${givenUpFor(event)}${because(event.lastError)}`
    case 'draining':
      return 'is asked to drain, and then started again'
    case 'said':
      return `says (${event.level}): ${event.text}`
    case 'up':
      return `is up: ${Object.values(event.urls).join(' ')}`
    case 'note':
    case 'trouble':
      return event.text
    case 'stopped':
      return `has stopped (${event.how})`
    default: {
      const unreachable: never = event
      throw new TypeError(`unknown event ${JSON.stringify(unreachable)}`)
    }
  }
}

function givenUpFor({ futile, ends, windowMs }: Extract<SupervisorEvent, { type: 'given-up' }>): string {
  if (futile !== undefined) return `${futile}, and another start would not change that`
  return `it ended ${plural(ends, 'time')} within ${seconds(windowMs)}`
}

function because(lastError: string | undefined): string {
  return lastError === undefined ? '' : `; it said: ${lastError}`
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
