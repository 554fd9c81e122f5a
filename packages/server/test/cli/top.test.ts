import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { post, ServerLab } from '../lab.js'
import { bash, CliProcess, endAll, tallymesh, until } from './cli-process.js'
import { command, commandsOf } from './command-line.js'
import { deadUrl } from './odd-server.js'
import { hasTerminal, onTerminal } from './terminal.js'

const lab = new ServerLab()
let node: TallymeshServer
const run = commandsOf(() => node)
const top = suite('tallymesh top')

top.before(async () => {
  node = await lab.start('a', { room: 'default' })
  await run(['add', 'orders', '100'])
  await run(['add', `long_name_of_a_counter{label="${'x'.repeat(100)}"}`])
})
top.after(async () => {
  await endAll()
  await lab.close()
})

/** Counts until `end` is called. */
function counting(): () => Promise<void> {
  let going = true
  const done = (async () => {
    while (going) {
      await post(node, '/v1/counters/orders', { add: 1 }).catch(() => {})
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  })()
  return () => {
    going = false
    return done
  }
}

top('prints one table', async () => {
  const end = counting()
  const { code, out } = await tallymesh(['top', '--once', '--interval-ms', '500', '--url', node.url])
  await end()
  assert.is(code, 0)
  const lines = out.split('\n')
  assert.is(lines[0], 'room default as node a sees it')
  assert.is(lines[1], 'members: a up')
  assert.match(lines[2] as string, /^2 counters, \d+(\.\d)? counted per second$/)
  assert.match(lines[3] as string, /^VALUE +\+\/s +-\/s +KEY$/)
  assert.match(lines[4] as string, /^ *1\d\d +\d+\.\d +0\.0 +orders$/)
  assert.match((await run(['top', 'none', '--once', '--interval-ms', '100'])).out, /^0 counters/m)
})

top('prints a line for each counter that moved where there is no terminal', async () => {
  const end = counting()
  const { code, out } = await bash(`set -o pipefail; tallymesh top --interval-ms 100 --url ${node.url} | head -3`)
  await end()
  assert.is(code, 0)
  const [titles, ...lines] = out.trim().split('\n')
  assert.is(titles, 'TIME\tVALUE\t+/s\t-/s\tKEY')
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z\t\d+\t\d+(\.\d)?\t0\.0\torders$/)
})

top('goes on when the server is away for a while, and fails where it never was there', async () => {
  const other = await lab.start('b')
  const program = new CliProcess(['top', '--interval-ms', '100', '--timeout-ms', '2000', '--url', other.url])
  await program.says(/TIME/)
  await other.close()
  await program.says(/tallymesh top: no server answered/)
  program.signal('SIGTERM')
  assert.is((await program.ended()).signal, 'SIGTERM')
  const { code, err } = await command(['top', '--timeout-ms', '200', '--url', await deadUrl()])
  assert.is(code, 4)
  assert.match(err, /no server answered/)
})

top('fills a terminal, follows its size, and leaves it as it was', async () => {
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const mark = join(lab.path, 'resize')
  const resize = `(while [ ! -e ${mark} ]; do sleep 0.05; done; stty cols 100 rows 6 < /dev/tty) &`
  const program = onTerminal(`${resize} $TALLYMESH top --interval-ms 100 --url ${node.url}; echo code $?; stty -a`)
  await program.says(/␛\[\?1049h/)
  await run(['add', 'orders', '50'])
  await program.says(/ \d+ +[1-9]\d*(\.\d)? +0\.0 +orders/)
  assert.match(program.out, /long_name_of_a_counter\{label="x+…/)
  // Cut to 60 columns.
  assert.match(program.out, /␛\[7mVALUE +\+\/s +-\/s {2}KEY {36,40}␛\[0m/)
  writeFileSync(mark, '')
  await program.says(/␛\[7mVALUE +\+\/s +-\/s {2}KEY {76,80}␛\[0m/)
  program.child.stdin?.write('x')
  program.child.stdin?.write('q')
  const { out } = await program.ended()
  const [, after = ''] = out.split('␛[?1049l')
  assert.match(out, /␛\[\?25h␛\[\?1049l/)
  assert.match(after, /code 0/)
  assert.match(after, / icanon/)
  assert.match(after, / echo /)
})

top('draws as on 80 by 24 where the terminal does not know its size', async () => {
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const program = onTerminal(`stty cols 0 rows 0; $TALLYMESH top --interval-ms 100 --url ${node.url}; echo code $?`)
  await program.says(/members: a up[\s\S]*␛\[7mVALUE +\+\/s +-\/s {2}KEY {50,60}␛\[0m[\s\S]*orders/)
  program.child.stdin?.write('q')
  assert.match((await program.ended()).out, /code 0/)
})

top('shows a server that is away, and ends by Ctrl-C and by signals, the terminal restored', async () => {
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const other = await lab.start('c', { room: 'default' })
  const line = `$TALLYMESH top --interval-ms 100 --timeout-ms 2000 --url ${other.url}; echo code $?; stty -a`
  const program = onTerminal(line)
  await program.says(/members: c up/)
  await other.close()
  await program.says(/room default as node c sees it: no server/)
  program.child.stdin?.write('\x03')
  const { out } = await program.ended()
  assert.match(out, /␛\[\?1049l[\s\S]*code 130[\s\S]* icanon/)
  const pidFile = join(lab.path, 'pid')
  const second = onTerminal(`$TALLYMESH top --url ${node.url} & echo $! > ${pidFile}; wait $!; echo code $?; stty -a`)
  await second.says(/members: a up/)
  const { readFileSync } = await import('node:fs')
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM')
  assert.match((await second.ended()).out, /␛\[\?1049l[\s\S]*code 143[\s\S]* icanon/)
})

top('stops at Ctrl-Z and comes back', async () => {
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const script = `set -m; $TALLYMESH top --interval-ms 100 --url ${node.url}; echo stopped; fg; echo code $?`
  const program = onTerminal(`bash -c '${script}'`)
  await program.says(/members: a up/)
  program.child.stdin?.write('\x1a')
  await program.says(/stopped/)
  const entered = () => program.out.split('␛[?1049h').length - 1
  await until(
    'it to be back',
    () => entered() === 2,
    () => program.out,
  )
  program.child.stdin?.write('q')
  assert.match((await program.ended()).out, /code 0/)
})

top.run()
