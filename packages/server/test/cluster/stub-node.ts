// Stands in for a node process in tests of the supervisor: real HTTP, real signals. What it does is set by its environment and
// by `POST /be/MODE` and `POST /sees/NAME/STATE`.
import { createServer, type ServerResponse } from 'node:http'

const [name = '', port = '0'] = process.argv.slice(2)
let mode = process.env.STUB_MODE ?? 'ready'
const sees = new Map<string, string>()

if (mode.startsWith('exit-')) {
  console.error(`tallymesh start: ${name} may not start (STUB)`)
  process.exit(Number(mode.slice('exit-'.length)))
}
if (mode === 'crash') throw new Error(`${name} cannot open its directory`)

const server = createServer((request, response) => {
  const [, verb = '', first = '', second = ''] = (request.url ?? '').split('/')
  if (verb === 'be') mode = first
  if (verb === 'sees') sees.set(first, second)
  if (verb === 'be' && first === 'warn') console.log(JSON.stringify({ level: 40, msg: 'the disk is slow' }))
  if (verb === 'be' && first === 'exit') process.exit(7)
  if (mode === 'silent' && (verb === 'livez' || verb === 'readyz')) return
  if (verb === 'readyz' && mode === 'lagging')
    return answer(response, 503, { ready: false, reason: 'lagging', detail: 'far behind' })
  if (verb === 'v1') return answer(response, 200, { members: [...sees].map(([name, state]) => ({ name, state })) })
  answer(response, 200, { ready: true, pid: process.pid })
})
server.listen(Number(port), '127.0.0.1')

process.on('SIGTERM', () => {
  if (mode === 'stubborn') return
  console.error('ends as asked')
  process.exit(0)
})

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { connection: 'close', 'content-type': 'application/json' }).end(JSON.stringify(body))
}
