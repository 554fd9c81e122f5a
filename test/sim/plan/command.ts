/** A node of the simulated room: `a`, `b`, … */
export type NodeName = string

/** How many stores must confirm: as in the library. */
export type Concern = number | 'majority'

/** What one line of a plan or a scenario does. What does not apply when its time comes (killing a node that is down) does
 *  nothing. `docs/TESTING.md` has the words. */
export type Command =
  // Work.
  | {
      readonly verb: 'add'
      readonly node: NodeName
      readonly key: string
      readonly amount: number
      readonly replicas?: Concern
    }
  | {
      readonly verb: 'group'
      readonly node: NodeName
      readonly adds: ReadonlyArray<{ readonly key: string; readonly amount: number }>
      readonly replicas?: Concern
    }
  /** Adds 1 to each of `count` keys `<prefix>-0`, …, in one turn of the program: a commit of several parts past 2,048. */
  | { readonly verb: 'many'; readonly node: NodeName; readonly prefix: string; readonly count: number }
  | { readonly verb: 'read'; readonly node: NodeName; readonly key: string }
  /** Adds with an operation id, the `id`th of the plan: however often and wherever it is tried, it counts once. On keys of its own,
   *  `op-…`, and powers of four, so that a total tells for each whether it counted once. */
  | {
      readonly verb: 'operate'
      readonly node: NodeName
      readonly key: string
      readonly amount: number
      readonly id: number
      readonly replicas?: Concern
    }
  /** Exports all slots of one node and imports them into another. */
  | { readonly verb: 'transfer'; readonly from: NodeName; readonly to: NodeName }
  // Processes.
  | { readonly verb: 'start'; readonly node: NodeName }
  /** Ends the process at once, or at the next commit: before anything of it is on the disk (`write`), when it is on the disk
   *  (`landed`), or when the witness knows of it too (`witnessed`). */
  | { readonly verb: 'kill'; readonly node: NodeName; readonly at?: 'write' | 'landed' | 'witnessed' }
  /** Closes the node as its program would: commits, tells its peers, ends. */
  | { readonly verb: 'stop'; readonly node: NodeName }
  /** Stands still (as by SIGSTOP) and goes on later, where it stood. */
  | { readonly verb: 'pause'; readonly node: NodeName; readonly ms: number }
  /** Sets the running process, its disk and its witness back to where they were `steps` writes ago: a resumed snapshot. */
  | { readonly verb: 'restore'; readonly node: NodeName; readonly steps: number }
  // Machines.
  /** Loses power: what was not synced is gone from a drawn point on, and so is the witness. */
  | { readonly verb: 'reboot'; readonly node: NodeName }
  | { readonly verb: 'clock'; readonly node: NodeName; readonly ms: number }
  /** From now on this machine's clock runs that much faster, in parts per million. */
  | { readonly verb: 'drift'; readonly node: NodeName; readonly ppm: number }
  // Disks.
  /** Puts the disk of a node that is down back to what it held `steps` writes ago. */
  | { readonly verb: 'rollback'; readonly node: NodeName; readonly steps: number }
  | { readonly verb: 'wipe'; readonly node: NodeName }
  /** Copies the disk of `node` as it is now to a new node `as`, on the same machine (`here`) or another one, and starts it. */
  | { readonly verb: 'clone'; readonly node: NodeName; readonly as: NodeName; readonly here: boolean }
  /** Flips a bit of a stored record; found when the disk is opened the next time. */
  | { readonly verb: 'flip'; readonly node: NodeName; readonly record: number }
  /** `fail`: the next write fails; it may or may not be on the disk. `stuck`: writes take until the mode changes. */
  | { readonly verb: 'disk'; readonly node: NodeName; readonly mode: 'ok' | 'full' | 'fail' | 'stuck' }
  | { readonly verb: 'disk'; readonly node: NodeName; readonly mode: 'slow'; readonly ms: number }
  // Network.
  | { readonly verb: 'cut'; readonly from: NodeName; readonly to: NodeName; readonly oneWay: boolean }
  | { readonly verb: 'partition'; readonly groups: ReadonlyArray<readonly NodeName[]> }
  /** Ends all that network commands set, between two nodes or everywhere. */
  | { readonly verb: 'heal'; readonly nodes?: readonly [NodeName, NodeName] }
  /** Breaks the links between two nodes; they may dial again at once. */
  | { readonly verb: 'drop'; readonly from: NodeName; readonly to: NodeName }
  | {
      readonly verb: 'delay'
      readonly from: NodeName
      readonly to: NodeName
      readonly ms: number
      readonly jitterMs: number
    }
  /** Frames from one node to another are lost, repeated or damaged, or overtake each other, with this share (percent). */
  | {
      readonly verb: 'lose' | 'repeat' | 'damage' | 'reorder'
      readonly from: NodeName
      readonly to: NodeName
      readonly percent: number
    }
  /** Holds everything from one node to another for this long, then lets it through at once. */
  | { readonly verb: 'clog'; readonly from: NodeName; readonly to: NodeName; readonly ms: number }
  // Operators.
  | { readonly verb: 'join'; readonly node: NodeName }
  | { readonly verb: 'remove'; readonly node: NodeName; readonly by: NodeName }
  /** The node takes itself out of the room for good, if all others confirm within this time; else it ends as a member. */
  | { readonly verb: 'leave'; readonly node: NodeName; readonly ms: number }
  /** Restarts the node with another release: 1 knows the first format of batches, 2 both. */
  | { readonly verb: 'upgrade'; readonly node: NodeName; readonly release: 1 | 2 }

export type Verb = Command['verb']
