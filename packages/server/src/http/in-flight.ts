import type { RequestListener } from 'node:http'

/** Counts the requests that are under way, so that closing can wait for them. */
export class InFlight {
  #requests = 0
  #idle: (() => void) | undefined

  /** The handler, counted. */
  counting(handler: RequestListener): RequestListener {
    const ended = () => {
      if (--this.#requests === 0) this.#idle?.()
    }
    return (request, response) => {
      this.#requests++
      response.once('close', ended)
      handler(request, response)
    }
  }

  /** Waits until none is under way, `timeoutMs` at most. @returns how many still are */
  async settled(timeoutMs: number): Promise<number> {
    if (this.#requests === 0) return 0
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#idle = resolve
      timer = setTimeout(resolve, timeoutMs)
    })
    clearTimeout(timer)
    return this.#requests
  }
}
