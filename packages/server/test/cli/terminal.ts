import { spawnSync } from 'node:child_process'
import { PROGRAM } from '../program.js'
import { CliProcess, type RunOptions } from './cli-process.js'

/** Whether a terminal can be had: util-linux's `script`. */
export const hasTerminal = spawnSync('script', ['--version']).status === 0

/** Runs a line of sh on a terminal of 60 columns and 12 rows; `$TALLYMESH` in it is the real program. What the terminal shows is
 *  its `out`, and what is written to its stdin is typed. */
export function onTerminal(line: string, options: RunOptions = {}): CliProcess {
  const env = { ...options.env, TALLYMESH: `${process.execPath} ${PROGRAM}`, TERM: 'xterm' }
  return new CliProcess([], { ...options, env }, ['script', '-qefc', `stty cols 60 rows 12; ${line}`, '/dev/null'])
}
