import { CounterView, counterKey } from '@tallymesh/crdt'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { until } from '../cluster/until.js'

type ProviderOptions = NonNullable<ConstructorParameters<typeof WebsocketProvider>[3]>
/** The same interface as a browser's, by another declaration. */
const polyfill = WebSocket as unknown as NonNullable<ProviderOptions['WebSocketPolyfill']>

/** The stock y-websocket provider on a document of its own. */
export class DoorClient {
  /** How often its connection ended. */
  closes = 0
  readonly #doc = new Y.Doc()
  readonly #provider: WebsocketProvider
  readonly #view = new CounterView(this.#doc)

  constructor(port: number, room: string) {
    const options = { WebSocketPolyfill: polyfill, disableBc: true, maxBackoffTime: 200 }
    this.#provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, room, this.#doc, options)
    this.#provider.on('connection-close', () => this.closes++)
  }

  value(key: string): number {
    return this.#view.value(counterKey(key))
  }

  async shows(key: string, value: number): Promise<void> {
    await until(`${key} = ${value} in the document`, () => {
      return (this.#provider.synced && this.value(key) === value) || `${this.value(key)}`
    })
  }

  close(): void {
    this.#view.destroy()
    this.#provider.destroy()
    this.#doc.destroy()
  }
}
