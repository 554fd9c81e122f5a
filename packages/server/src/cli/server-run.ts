import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'
import type { TallymeshError } from 'tallymesh'
import type { ServerOptions } from '../options.js'
import { plural } from '../plural.js'
import { startServer, type TallymeshServer } from '../server.js'
import { notifySystemd, startWatchdog, watchdogIntervalMs } from '../systemd.js'
import { VERSION } from '../version.js'
import { EXIT } from './exit-code.js'
import type { NodeLogger } from './logger.js'
import { NodeLog } from './node-log.js'
import { ServerWatch } from './server-watch.js'

const STDOUT = 1
/** Beside the times for requests and peers: to close the store. */
const CLOSE_SLACK_MS = 1_000

/** How it ends. Times in ms. */
export interface StopSettings {
  /** A signal makes the node leave the room for good. */
  readonly leaveOnSigterm?: boolean
  readonly shutdownTimeoutMs: number
  readonly closeTimeoutMs: number
}

/** One run of `tallymesh start`: from opening to the exit code, with its signals. */
export class ServerRun {
  readonly #options: ServerOptions
  readonly #log: NodeLogger
  readonly #closeMsMax: number
  readonly #leaveOnSigterm: boolean
  readonly #terminal = isatty(STDOUT)
  #server: TallymeshServer | undefined
  #stopping = false
  #end: (exit: number) => void = () => {}
  readonly #ended = new Promise<number>(resolve => {
    this.#end = resolve
  })

  constructor(
    options: ServerOptions,
    log: NodeLogger,
    { shutdownTimeoutMs, closeTimeoutMs, leaveOnSigterm = false }: StopSettings,
  ) {
    this.#options = options
    this.#log = log
    this.#closeMsMax = shutdownTimeoutMs + closeTimeoutMs + CLOSE_SLACK_MS
    this.#leaveOnSigterm = leaveOnSigterm
  }

  /** Resolves with the exit code once everything is closed. @throws TallymeshError where it cannot be started */
  async run(): Promise<number> {
    const { logger } = this.#log
    process.on('SIGTERM', this.#terminate).on('SIGINT', this.#interrupt).on('SIGHUP', this.#hangUp)
    const { dataDir, room = 'default' } = this.#options
    const about = { event: 'opening', dir: dataDir, room, version: VERSION }
    logger.info(about, `tallymesh ${VERSION} opens ${dataDir} for room ${room}, process ${process.pid}`)
    try {
      const nodeLog = new NodeLog(logger)
      const server = await startServer({
        ...this.#options,
        logger,
        onListening: url => this.#listening(url),
        onNode: node => nodeLog.follow(node),
        onLeaving: leaving => this.#askedToLeave(leaving),
      })
      this.#server = server
      const watch = new ServerWatch(server, logger, () => void this.#tellSystemd('READY=1'))
      const intervalMs = watchdogIntervalMs()
      // That it is asked at all shows that the event loop turns. A failed node is better off with a restart.
      const alive = () => Promise.resolve(server.node.status !== 'failed')
      const unwatched = intervalMs === undefined ? () => {} : startWatchdog({ intervalMs, alive })
      const exit = await this.#ended
      watch.stop()
      unwatched()
      return exit
    } finally {
      process.off('SIGTERM', this.#terminate).off('SIGINT', this.#interrupt).off('SIGHUP', this.#hangUp)
      await this.#log.flush()
    }
  }

  #listening(url: string): void {
    const { tokens, tls } = this.#options
    const size = tokens?.size ?? 0
    const access = size === 0 ? 'no tokens: loopback only' : plural(size, 'token')
    const secure = tls === undefined ? 'no TLS' : tls.ca === undefined ? 'TLS' : 'mutual TLS'
    this.#log.logger.info({ event: 'listening', url, tokens: size }, `listening on ${url} (${access}; ${secure})`)
    this.#warn()
  }

  #warn(): void {
    for (const warning of this.#options.tokens?.warnings ?? []) this.#log.logger.warn({ event: 'warning' }, warning)
  }

  async #tellSystemd(state: string): Promise<void> {
    if ((await notifySystemd([state])) || !process.env.NOTIFY_SOCKET) return
    const text = `systemd could not be told ${state}: systemd-notify is missing or failed, or the unit lacks NotifyAccess=all`
    this.#log.logger.warn({ event: 'warning' }, text)
  }

  readonly #terminate = () => this.#asked('SIGTERM')
  readonly #interrupt = () => this.#asked('SIGINT')

  readonly #hangUp = () => {
    // The terminal that it was started on is gone: nobody asked for a reload.
    if (this.#terminal && !isatty(STDOUT)) return this.#asked('SIGHUP')
    void this.#reload()
  }

  async #reload(): Promise<void> {
    const { logger } = this.#log
    if (!this.#server) return logger.warn({ event: 'reload' }, 'SIGHUP while opening: nothing is read again')
    try {
      await this.#server.reload()
      const tokens = this.#options.tokens?.size ?? 0
      logger.info({ event: 'reload', tokens }, `SIGHUP: tokens (${tokens}) and certificates were read again`)
      this.#warn()
    } catch (error) {
      const { code, message } = error as TallymeshError
      logger.error({ event: 'reload', code }, `SIGHUP: what was valid stays valid: ${message}`)
    }
  }

  #asked(signal: NodeJS.Signals): void {
    const { logger } = this.#log
    if (this.#stopping) {
      logger.warn({ event: 'stop', signal }, `${signal} again: ending at once; what was acknowledged is on disk`)
      return void this.#quit(EXIT.failed)
    }
    this.#stopping = true
    if (!this.#server) {
      logger.info({ event: 'stop', signal }, `${signal} while opening: ending at once; nothing was counted`)
      return void this.#quit(EXIT.done)
    }
    void this.#tellSystemd('STOPPING=1')
    void this.#stop(this.#server, signal)
  }

  /** Over HTTP, unless a signal did. */
  #askedToLeave(leaving: Promise<void>): void {
    const server = this.#server
    if (this.#stopping || !server) return
    this.#stopping = true
    void this.#tellSystemd('STOPPING=1')
    void this.#stop(server, 'a request to leave', leaving)
  }

  /** Answers the exit code. */
  async #leave(leaving: Promise<void>, why: string): Promise<number> {
    const { logger } = this.#log
    logger.info(
      { event: 'leave' },
      `${why}: leaving the room for good: not ready, then the others take what is held here`,
    )
    try {
      await leaving
      logger.info(
        { event: 'leave' },
        'left the room for good: the counts stay there; this directory is refused from now on',
      )
      return EXIT.done
    } catch (error) {
      const { code, message } = error as TallymeshError
      logger.error({ event: 'leave', code }, `did not leave the room: ${message}`)
      return EXIT.member
    }
  }

  /** @param leaving where the node leaves already */
  async #stop(server: TallymeshServer, signal: string, leaving?: Promise<void>): Promise<void> {
    const { logger } = this.#log
    try {
      let exit: number = EXIT.done
      if (leaving || this.#leaveOnSigterm) exit = await this.#leave(leaving ?? server.leave(), signal)
      if (signal === 'SIGTERM' && (exit !== EXIT.done || !this.#leaveOnSigterm)) {
        logger.info({ event: 'drain', signal }, 'SIGTERM: draining: not ready, and serving on')
        // Done already where it did not leave after a drain.
        await server.drain()
      }
      logger.info({ event: 'closing', signal }, `${signal}: closing`)
      void this.#closeInTime()
      await server.close()
      logger.info({ event: 'closed' }, 'closed: everything is committed, and the directory is free')
      this.#end(exit)
    } catch (error) {
      logger.error({ event: 'closed', err: error }, `closing failed: ${(error as Error).message}`)
      this.#end(EXIT.failed)
    }
  }

  async #closeInTime(): Promise<void> {
    await sleep(this.#closeMsMax, undefined, { ref: false })
    this.#log.logger.error(
      { event: 'stop' },
      `closing takes more than ${this.#closeMsMax} ms: ending at once; what was acknowledged is on disk`,
    )
    await this.#quit(EXIT.failed)
  }

  /** Ends the process without closing anything: what was acknowledged is durable. */
  async #quit(exit: number): Promise<void> {
    await this.#log.flush()
    process.exit(exit)
  }
}
