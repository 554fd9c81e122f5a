import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '@tallymesh/crdt'
import { buildDatabase, freshMeta, type Put } from './creation.js'
import { Damage } from './damage.js'
import { DAMAGED, DATABASE, moveDurably } from './directory.js'
import type { LevelOperation } from './durable-level.js'
import { readLevelContent } from './level-content.js'
import { checkLevelFiles } from './level-files.js'
import { type Scan, scanEntries } from './scan.js'

const BATCH_BYTES = 256 * 1024

/** Puts a new database in the place of the damaged one, with all records in it that can still be read; the damaged one
 *  stays beside it, untouched, as `db.damaged-<n>`. Without a readable meta record it is a new store with its own id. Unless
 *  all logs are whole the last commit loses its tips, so that nobody takes this store for current; later commits are numbered on from it.
 *  @param room the room of the new store, where the old one does not say it
 *  @returns what was found damaged, and what was done */
export async function salvageDatabase(dir: string, room: string, random: Random): Promise<Damage> {
  const damage = new Damage()
  const names = await readdir(dir)
  // A crash within an earlier salvage may have left no database but the one set aside.
  const numbers = names.flatMap(name => Number(DAMAGED.exec(name)?.[1] ?? []))
  const last = Math.max(0, ...numbers)
  const hasDatabase = names.includes(DATABASE)
  const source = hasDatabase ? DATABASE : last > 0 ? `db.damaged-${last}` : undefined
  if (!hasDatabase) damage.addAnywhere('the database is missing')
  const built = await buildDatabase(dir, random, async put => {
    const fresh = freshMeta(room, random)
    if (source === undefined) return fresh
    const { meta, ledger } = await copyRecords(join(dir, source), damage, put)
    const last = meta?.lastCommit
    const lastCommit = damage.found && last ? { ...last, tip: 0, before: 0 } : last
    return { ...fresh, ...meta, lastCommit, summary: ledger.summary }
  })
  const aside = hasDatabase ? `db.damaged-${last + 1}` : source
  if (hasDatabase) await moveDurably(join(dir, DATABASE), join(dir, aside as string))
  await moveDurably(built, join(dir, DATABASE))
  if (aside) damage.addBeside(`what could be read was kept; the damaged database is in ${aside}`)
  return damage
}

async function copyRecords(from: string, damage: Damage, put: Put): Promise<Scan> {
  const files = await checkLevelFiles(from)
  for (const sentence of files.damage) damage.addAnywhere(sentence)
  let operations: LevelOperation[] = []
  let bytes = 0
  const scan = await scanEntries(await readLevelContent(from, files), damage, async (key, value) => {
    operations.push({ type: 'put', key, value })
    bytes += value.length
    if (bytes < BATCH_BYTES) return
    await put(operations)
    operations = []
    bytes = 0
  })
  await put(operations)
  return scan
}
