/** Figures of a node, for operators and tests. */
export interface NodeStats {
  /** The live replica id, in hexadecimal; undefined until the node counts for the first time. */
  readonly replica: string | undefined
  readonly keys: number
  readonly logs: number
  /** Yjs structs over all logs: what memory and start time depend on. */
  readonly structs: number
  /** Commits of this data directory so far. */
  readonly commits: number
  readonly links: number
}
