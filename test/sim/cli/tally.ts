import type { Plan } from '../plan/plan.js'
import { kindOf } from './kinds.js'
import type { RunResult } from './simulator.js'

/** Counts by name. */
export type Counts = Record<string, number>

/** What a number of runs came to, to be added up over chunks and processes. */
export interface Tally {
  seeds: number
  /** Of these, run twice to compare their hashes. */
  repeated: number
  steps: number
  virtualMs: number
  /** Events of each kind in the plans. */
  readonly planned: Counts
  /** Seeds whose plan has the kind. */
  readonly seedsWith: Counts
  /** How often each kind did something when its time came. */
  readonly applied: Counts
  /** How often the network did what a condition asks for. */
  readonly injected: Counts
  readonly figures: Counts
}

export function emptyTally(): Tally {
  return {
    seeds: 0,
    repeated: 0,
    steps: 0,
    virtualMs: 0,
    planned: {},
    seedsWith: {},
    applied: {},
    injected: {},
    figures: {},
  }
}

export function count(counts: Counts, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}

/** Counts one run. */
export function tallyRun(tally: Tally, plan: Plan, result: RunResult): void {
  tally.seeds++
  tally.steps += result.steps
  tally.virtualMs += result.virtualMs
  const kinds = new Set<string>()
  for (const { command } of plan.events) {
    const kind = kindOf(command)
    kinds.add(kind)
    count(tally.planned, kind)
  }
  for (const kind of kinds) count(tally.seedsWith, kind)
  addCounts(tally.applied, result.applied)
  addCounts(tally.injected, result.injected)
  addCounts(tally.figures, result.figures)
}

/** Adds `other` to `tally`. */
export function addTally(tally: Tally, other: Tally): void {
  tally.seeds += other.seeds
  tally.repeated += other.repeated
  tally.steps += other.steps
  tally.virtualMs += other.virtualMs
  for (const name of ['planned', 'seedsWith', 'applied', 'injected', 'figures'] as const)
    addCounts(tally[name], other[name])
}

function addCounts(counts: Counts, other: Readonly<Counts>): void {
  for (const name of Object.keys(other)) count(counts, name, other[name])
}
