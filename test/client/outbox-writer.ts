import { TallymeshClient } from '@tallymesh/client'
import { fileOutbox } from '@tallymesh/client/file-outbox'

/** What a writer is told to do. */
export interface WriterPlan {
  readonly dir: string
  readonly url: string
  /** Of the keys: add number `i` adds 1 to `name{i="…"}`. */
  readonly name: string
  readonly maxDelayMs: number
  /** Without it, until it is killed. */
  readonly adds?: number
}

// Adds until it is killed, and prints `kept N` once its first N adds are in the outbox.
const plan = JSON.parse(process.argv[2] as string) as WriterPlan
const { dir, url, name, maxDelayMs } = plan
const retry = { backoffMinMs: 1, backoffMaxMs: 20 }
const client = new TallymeshClient({ urls: [url], outbox: fileOutbox(dir), maxDelayMs, retry })
client.recovery.then(
  ({ counted, failed }) => console.log(`recovered ${counted} ${failed.length}`),
  ({ code }) => console.log(code),
)
const count = plan.adds ?? Number.POSITIVE_INFINITY
for (let i = 0; i < count; i++) {
  const adding = client.add(`${name}{i="${i}"}`, 1)
  adding.catch(({ code }) => console.log(code))
  if (i % 5 === 0 || i === count - 1) {
    await client.keep().catch(() => {})
    console.log(`kept ${i + 1}`)
    if (i % 20 === 0 && plan.adds === undefined) await adding
  }
}
setInterval(() => client, 1_000)
