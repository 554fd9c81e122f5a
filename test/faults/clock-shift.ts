// Loaded before a program (`--import`): a message of its parent with `shiftMs` moves every clock that the program can read. Its
// timers go on as they were: they belong to the event loop, which reads no clock of JavaScript's.
export {}

let shiftMs = 0
const realDate = Date
const realNow = Date.now
const realMonotonic = performance.now.bind(performance)

Object.defineProperty(performance, 'now', { value: () => realMonotonic() + shiftMs })
Date.now = () => realNow() + shiftMs
globalThis.Date = new Proxy(realDate, {
  construct: (target, args: [], newTarget) =>
    args.length === 0 ? new realDate(Date.now()) : Reflect.construct(target, args, newTarget),
})

let listening = false
// Messages come as soon as anybody listens: not before the program does.
process.on('newListener', event => {
  if (event !== 'message' || listening) return
  listening = true
  process.on('message', (message: { shiftMs?: number }) => {
    if (message.shiftMs !== undefined) shiftMs = message.shiftMs
  })
})
