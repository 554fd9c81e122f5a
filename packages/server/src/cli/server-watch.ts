import type { Logger } from 'pino'
import type { TallymeshServer } from '../server.js'

const POLL_MS = 100

/** Logs what a server tells only to whoever asks: that it is ready, or why not, and under which replica id it counts. */
export class ServerWatch {
  readonly #server: TallymeshServer
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  readonly #startMs = performance.now()
  /** Undefined once it was called. */
  #firstReady: (() => void) | undefined
  #ready = false
  #reason: string | undefined
  #replica: string | undefined

  /** @param ready called when it is ready for the first time */
  constructor(server: TallymeshServer, logger: Logger, ready: () => void) {
    this.#server = server
    this.#logger = logger
    this.#firstReady = ready
    this.#replica = server.node.stats.replica
    this.#timer = setInterval(() => this.#look(), POLL_MS)
    this.#timer.unref()
    this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#lookAtReadiness()
    this.#lookAtReplica()
  }

  #lookAtReadiness(): void {
    const found = this.#server.notReady
    const { node, url } = this.#server
    if (found) {
      // A drain was asked for: the log says so already.
      const said = found.reason === this.#reason || found.reason === 'draining'
      if (!said) this.#logger.warn({ event: 'not-ready', reason: found.reason }, `not ready: ${found.detail}`)
    } else if (!this.#ready) {
      const { name, room } = node
      const tookMs = Math.round(performance.now() - this.#startMs)
      this.#logger.info({ event: 'ready', url, room, tookMs }, `ready: node ${name} of room ${room} at ${url}`)
      this.#firstReady?.()
      this.#firstReady = undefined
    }
    this.#ready = !found
    this.#reason = found?.reason
  }

  #lookAtReplica(): void {
    const { replica } = this.#server.node.stats
    if (replica === this.#replica || replica === undefined) return
    const before = this.#replica
    this.#replica = replica
    const what = before === undefined ? 'counts under' : `changed from replica id ${before} to`
    this.#logger.info(
      { event: 'replica', replica, ...(before === undefined ? {} : { before }) },
      `the node ${what} replica id ${replica}`,
    )
  }
}
