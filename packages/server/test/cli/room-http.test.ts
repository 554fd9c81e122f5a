import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandError } from '../../src/cli/exit-code.js'
import { type Ask, RoomHttp } from '../../src/cli/room-http.js'
import { deadUrl, type OddAnswer, OddServer } from './odd-server.js'

const http = suite('requests to the room')

async function failure(urls: readonly string[], ask: Partial<Ask> = {}, timeoutMs = 5_000): Promise<CommandError> {
  try {
    await new RoomHttp({ urls, token: undefined, timeoutMs }).json({ path: '/x', ...ask })
  } catch (error) {
    return error as CommandError
  }
  throw new Error('it did not fail')
}

async function against(answer: OddAnswer, check: (server: OddServer) => Promise<void>): Promise<void> {
  const server = await OddServer.start(answer)
  try {
    await check(server)
  } finally {
    server.close()
  }
}

http('names what was refused, by status', async () => {
  const problem = (status: number) => ({
    ...{ status, type: 'application/problem+json; charset=utf-8' },
    body: JSON.stringify({ code: 'SOME_CODE', detail: 'it is so\u001b[2J' }),
  })
  for (const [status, exit] of [
    [400, 3],
    [404, 3],
    [429, 3],
    [500, 1],
    [503, 4],
    [504, 5],
  ] as const) {
    await against(problem(status), async ({ url }) => {
      const { exit: got, message } = await failure([url])
      assert.equal([got, message], [exit, 'it is so\\u001b[2J (SOME_CODE)'])
    })
  }
})

http('knows what is no server of this kind', async () => {
  const cases: readonly (readonly [OddAnswer, RegExp])[] = [
    [{ status: 502 }, /does not answer as a tallymesh server \(HTTP 502, text\/html\)/],
    [{ status: 302 }, /HTTP 302/],
    [{ status: 200, type: 'application/json', body: '{' }, /does not answer as a tallymesh server/],
    [{ status: 400, type: 'application/problem+json', body: '{"code":1}' }, /does not answer as/],
    [{ status: 400, type: 'application/problem+json', body: 'x' }, /does not answer as/],
    [
      { status: 200, type: 'application/json', body: '{"a":', breaks: 'within' },
      /broke off: the connection was closed/,
    ],
    [{ status: 200, breaks: 'before' }, /cannot be reached: the connection was closed/],
  ]
  for (const [answer, message] of cases) {
    await against(answer, async ({ url }) => {
      const error = await failure([url])
      assert.equal([error.exit, message.test(error.message)], [4, true], error.message)
    })
  }
})

http('gives up in time, and names all that it tried', async () => {
  await against({ status: 200, silent: true }, async ({ url }) => {
    const dead = await deadUrl()
    const { exit, message } = await failure([url, dead], {}, 100)
    assert.is(exit, 4)
    assert.is(
      message,
      `${url} cannot be reached: no answer within 100 ms; ${dead} cannot be reached: the connection was refused`,
    )
    const unknown = await failure(['http://no-such-name.invalid:1234'])
    assert.match(unknown.message, /the name (?:is not known|could not be resolved)/)
  })
})

http('goes on with the server that answered', async () => {
  await against({ status: 200, type: 'application/json', body: '{"a":1}' }, async server => {
    const room = new RoomHttp({ urls: [await deadUrl(), server.url], token: 't', timeoutMs: 5_000 })
    assert.equal(await room.json({ path: '/x', signal: AbortSignal.timeout(9_000) }), { a: 1 })
    assert.is(room.url, server.url)
    assert.equal(await room.json({ path: '/x' }), { a: 1 })
    assert.is(server.requests, 2)
  })
  await against({ status: 204, body: '' }, async ({ url }) => {
    assert.is(await new RoomHttp({ urls: [url], token: undefined, timeoutMs: 5_000 }).json({ path: '/x' }), undefined)
  })
})

http.run()
