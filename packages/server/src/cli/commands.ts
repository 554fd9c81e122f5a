import { add } from './add.js'
import { cluster } from './cluster.js'
import type { Command } from './command.js'
import { exportCommand } from './export.js'
import { get } from './get.js'
import { importCommand } from './import.js'
import { leave } from './leave.js'
import { list } from './list.js'
import { remove } from './remove.js'
import { start } from './start.js'
import { status } from './status.js'
import { top } from './top.js'
import { verify } from './verify.js'

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...[start, cluster, status],
  ...[add, get, list, top],
  ...[remove, leave, exportCommand, importCommand, verify],
]
