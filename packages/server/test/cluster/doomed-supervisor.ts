// A supervisor in a process of its own, for a test that kills it. Says what it runs as JSON, one line.
import { SupervisedRoom } from './supervised-room.js'

const room = await SupervisedRoom.open(['a', 'b', 'c'])
room.guard.clear(room.dir)
await room.start()
const [a, b] = room.supervisor.nodes
if (a) await room.ask(a, '/be/stubborn')
b?.signal('SIGSTOP')
const pids = room.supervisor.nodes.map(({ pid }) => pid)
console.log(JSON.stringify({ pids, guard: room.guard.pid, dir: room.dir }))
