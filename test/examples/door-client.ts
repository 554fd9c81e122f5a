import { CounterView, counterKey, openNode } from 'tallymesh'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

type Polyfill = NonNullable<NonNullable<ConstructorParameters<typeof WebsocketProvider>[3]>['WebSocketPolyfill']>

/** Shows a room's counters in a program that is no node, with the stock provider of y-websocket. A browser needs no
 *  polyfill. */
export async function doorClient(dataDir: string): Promise<number> {
  const token = 'correct-horse-battery-staple'
  const node = await openNode({ name: 'api-1', dataDir, room: 'shop', listen: { port: 0 }, token })
  await node.counter('orders').increment(41)

  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${node.url}yjs`, 'shop', doc, {
    // A browser cannot set headers: the token travels as a subprotocol, never in the URL.
    protocols: [`bearer.${Buffer.from(token).toString('base64url')}`],
    WebSocketPolyfill: WebSocket as unknown as Polyfill,
  })
  const view = new CounterView(doc)
  const shown = await new Promise<number>(resolve => {
    view.onChange(() => {
      const value = view.value(counterKey('orders'))
      if (value === 42) resolve(value)
    })
    void node.counter('orders').increment()
  })
  view.destroy()
  provider.destroy()
  doc.destroy()
  await node.close()
  return shown
}
