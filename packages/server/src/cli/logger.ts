import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import { LogStream } from './log-stream.js'

const STDOUT = 1

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto`: pretty on a terminal, else JSON. */
  readonly format: 'auto' | 'pretty' | 'json'
  /** Stands in every line of JSON. */
  readonly node: string
}

/** The log of a node. */
export interface NodeLogger {
  readonly logger: Logger
  /** What is still on its way is written, or given up after a second. */
  flush(): Promise<void>
}

/** A logger to stdout. */
export async function openLogger({ level, format, node }: LogOptions): Promise<NodeLogger> {
  const stat = fstatSync(STDOUT)
  // A file or terminal that could not be written once may take the next line; a stream would not try.
  const stream = new LogStream(stat.isFIFO() || stat.isSocket() ? process.stdout : STDOUT)
  const terminal = isatty(STDOUT)
  const pretty = format === 'pretty' || (format === 'auto' && terminal)
  const options = { level, base: { node, pid: process.pid } }
  return {
    logger: pretty ? pino(options, await prettyTarget(stream, terminal)) : pino(options, stream),
    flush: () => stream.flush(1_000),
  }
}

async function prettyTarget(stream: LogStream, terminal: boolean): Promise<{ write(line: string): void }> {
  const { prettyFactory } = await import('pino-pretty')
  const colorize = terminal && !process.env.NO_COLOR
  const render = prettyFactory({ colorize, ignore: 'pid,node', translateTime: 'SYS:HH:MM:ss.l', singleLine: true })
  return { write: line => stream.write(render(line)) }
}
