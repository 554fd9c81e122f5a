import { Agent, get } from 'node:http'

/** Probes ask on a connection of their own: a hung process must not hide behind an old one. */
const agent = new Agent({ keepAlive: false })

export type ProbeResult<Body> =
  | { readonly type: 'answer'; readonly status: number; readonly body: Body }
  /** No answer within the deadline: the process is hung, or the machine very busy. */
  | { readonly type: 'silence' }
  /** Nobody listens, or the connection broke. */
  | { readonly type: 'broken' }

/** Asks a node of this machine for JSON. Never rejects. */
export function probe<Body>(port: number, path: string, deadlineMs: number): Promise<ProbeResult<Body>> {
  return new Promise(resolve => {
    const deadline = setTimeout(() => {
      resolve({ type: 'silence' })
      request.destroy()
    }, deadlineMs)
    const end = (result: ProbeResult<Body>) => {
      clearTimeout(deadline)
      resolve(result)
    }
    const request = get({ host: '127.0.0.1', port, path, agent }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => (text += chunk))
      response.on('error', () => end({ type: 'broken' }))
      response.on('end', () => end(parse<Body>(response.statusCode ?? 0, text)))
    })
    request.on('error', () => end({ type: 'broken' }))
  })
}

function parse<Body>(status: number, text: string): ProbeResult<Body> {
  try {
    return { type: 'answer', status, body: JSON.parse(text) as Body }
  } catch {
    return { type: 'broken' }
  }
}
