import { field, type ProbeTarget, probe } from './probe.js'

/** What the other nodes' failure detectors say of a node. */
export interface PeerVerdicts {
  /** Nodes that see it `suspect` or `down`. */
  readonly against: number
  /** Nodes that answered and know it. */
  readonly asked: number
}

export const NO_VERDICTS: PeerVerdicts = { against: 0, asked: 0 }

/** Asks the other nodes' `/v1/members` how they see the node called `name`. Who does not answer in time is left out. */
export async function askPeers(
  name: string,
  others: readonly Omit<ProbeTarget, 'path'>[],
  timeoutMs: number,
): Promise<PeerVerdicts> {
  const results = await Promise.all(others.map(other => probe({ ...other, path: '/v1/members' }, timeoutMs)))
  const states = results.flatMap(result => {
    const state = result.type === 'answer' && result.status === 200 ? stateOf(name, result.body) : undefined
    return state === undefined ? [] : [state]
  })
  return { against: states.filter(state => state !== 'up').length, asked: states.length }
}

/** A node whose disk was replaced is known twice, by its old store and its present one: it is up where either is. */
function stateOf(name: string, body: unknown): string | undefined {
  const members = field(body, 'members')
  if (!Array.isArray(members)) return undefined
  const states = members.filter(member => field(member, 'name') === name).map(member => field(member, 'state'))
  if (states.includes('up')) return 'up'
  return states.find(state => typeof state === 'string')
}
