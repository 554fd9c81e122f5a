const utf8 = new TextEncoder()

/** What a stream as a body asks for, and the types of browsers do not know. */
type StreamInit = RequestInit & { readonly duplex?: 'half' }

/** A request body that knows whether it was ever taken. A server counts only whole bodies: what nobody took was not sent, whatever
 *  else happened to the request, and may be sent again elsewhere. */
export interface SingleBody {
  /** What `fetch` is given in addition to the request. */
  readonly init: StreamInit
  /** In bytes, where it has to be said in the header. */
  readonly length: number | undefined
  /** Answers true where the body was never taken, and makes sure that it never will be. */
  withdraw(): boolean
}

/** The body as a stream that is made when it is first read. Node's `fetch` reads it once a connection stands. */
class StreamedBody implements SingleBody {
  readonly init: StreamInit
  readonly length: number
  #state: 'waiting' | 'taken' | 'withdrawn' = 'waiting'

  constructor(text: string) {
    const bytes = utf8.encode(text)
    const body = new ReadableStream<Uint8Array>(
      {
        pull: controller => {
          if (this.#state === 'withdrawn')
            return controller.error(new Error('the request was given up before it was sent'))
          this.#state = 'taken'
          controller.enqueue(bytes)
          controller.close()
        },
      },
      // Nothing is made in advance: making it means that it was asked for.
      { highWaterMark: 0 },
    )
    this.length = bytes.length
    this.init = {
      body,
      duplex: 'half',
      // So the fetch standard sends this very body; else a copy, which is read before there is a connection.
      redirect: 'error',
    }
  }

  withdraw(): boolean {
    if (this.#state === 'waiting') this.#state = 'withdrawn'
    return this.#state === 'withdrawn'
  }
}

/** For browsers, which send streams over HTTP/2 only: whether it was taken cannot be told. */
class TextBody implements SingleBody {
  readonly init: StreamInit
  readonly length = undefined
  constructor(text: string) {
    this.init = { body: text, redirect: 'error' }
  }
  withdraw(): boolean {
    return false
  }
}

/** @param streamed whether `fetch` can send streams over HTTP/1.1, as it can in Node */
export function singleBody(text: string, streamed: boolean): SingleBody {
  return streamed ? new StreamedBody(text) : new TextBody(text)
}

/** Whether this is Node itself, and no page within it. */
export function streamsBodies(): boolean {
  return (
    typeof globalThis.process?.versions?.node === 'string' &&
    !('window' in globalThis) &&
    !('importScripts' in globalThis)
  )
}
