import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Random, TallymeshError } from '@tallymesh/crdt'
import { buildDatabase, freshMeta } from './creation.js'
import { Damage } from './damage.js'
import { Database, levelReason } from './database.js'
import { DATABASE, MARKER, moveDurably, removeLeftovers, surveyDirectory, unusable, writeDurably } from './directory.js'
import { Journal } from './journal.js'
import type { Ledger } from './ledger.js'
import { checkLevelFiles } from './level-files.js'
import { formatMarker, type Marker, parseMarker } from './marker.js'
import type { Meta } from './meta.js'
import { salvageDatabase } from './salvage.js'
import { scanDatabase } from './scan.js'

export interface Opening {
  /** The real path of the data directory; its lock is held. */
  readonly dir: string
  readonly room: string
  readonly random: Random
  readonly salvage: boolean
}

/** An open database of which every byte was verified, or that holds what could be salvaged. */
export interface Opened {
  readonly database: Database
  readonly ledger: Ledger
  readonly meta: Meta
  readonly damage: Damage
  readonly created: boolean
}

/** The part of it that lies in the database. */
export type Verified = Pick<Opened, 'database' | 'ledger' | 'meta'>

/** Opens and verifies the store in a directory, or makes one where there is none.
 *  @throws TallymeshError STORE_UNUSABLE, STORE_CORRUPT, STORE_UNSUPPORTED, STORE_WRONG_ROOM */
export async function openStore(opening: Opening): Promise<Opened> {
  try {
    return await openOrMake(opening)
  } catch (error) {
    throw error instanceof TallymeshError ? error : openError(opening.dir, error)
  }
}

async function openOrMake(opening: Opening): Promise<Opened> {
  const { dir, room, random } = opening
  const survey = await surveyDirectory(dir)
  await removeLeftovers(dir)
  const damage = new Damage()
  const marker = survey.hasMarker ? await readMarker(dir, damage) : undefined
  if (marker) checkRoom(dir, marker.room, room)
  if (survey.fresh) {
    await moveDurably(await buildDatabase(dir, random, async () => freshMeta(room, random)), join(dir, DATABASE))
  }
  const opened = await openVerified(opening, survey.fresh || survey.hasDatabase, damage, marker)
  try {
    checkRoom(dir, opened.meta.room, room)
    if (marker?.store !== opened.meta.id) {
      await writeDurably(join(dir, MARKER), formatMarker({ store: opened.meta.id, room }))
    }
  } catch (error) {
    await opened.database.close()
    throw error
  }
  // A crash between database and marker left a store that nobody has used: it counts as made by this open.
  const unused = opened.meta.summary.count === 0 && opened.meta.lastCommit === undefined
  return { ...opened, created: !survey.hasMarker && unused && !opened.damage.found }
}

async function openVerified(opening: Opening, exists: boolean, damage: Damage, marker: Marker | undefined) {
  const { dir, room, random, salvage } = opening
  let opened: Verified | undefined
  if (exists) opened = await verifyDatabase(dir, damage)
  else damage.addAnywhere('the database is missing')
  if (opened && marker && marker.store !== opened.meta.id) {
    damage.addBeside(`tallymesh.json names the store ${marker.store}, but the database is of ${opened.meta.id}`)
  }
  if (!damage.found && opened) return { ...opened, damage }
  if (!salvage) {
    await opened?.database.close()
    throw damage.toError(dir)
  }
  if (opened && !damage.inLogs) return { ...opened, damage }
  await opened?.database.close()
  const found = await salvageDatabase(dir, room, random)
  const whole = new Damage()
  const salvaged = await verifyDatabase(dir, whole)
  if (!salvaged || whole.found) {
    await salvaged?.database.close()
    throw whole.toError(dir)
  }
  return { ...salvaged, damage: found.found ? found : damage }
}

/** Opens the database in `dir` and reads every byte of it. Undefined where it is too damaged to be used as it is; `damage`
 *  says how. */
export async function verifyDatabase(dir: string, damage: Damage): Promise<Verified | undefined> {
  const path = join(dir, DATABASE)
  const files = await checkLevelFiles(path)
  for (const sentence of files.damage) damage.addAnywhere(sentence)
  if (files.damage.length > 0) return undefined
  let database: Database | undefined
  try {
    database = await Database.open(path, Journal.of(files))
    const { ledger, meta } = await scanDatabase(database, damage)
    if (meta) return { database, ledger, meta }
  } catch (error) {
    const { code, text } = levelReason(error)
    if (code === 'LEVEL_CORRUPTION') damage.addAnywhere(text)
    else {
      await database?.close()
      throw error
    }
  }
  await database?.close()
  return undefined
}

export async function readMarker(dir: string, damage: Damage): Promise<Marker | undefined> {
  const marker = parseMarker(await readFile(join(dir, MARKER), 'utf8'))
  if (!marker) damage.addBeside('the file tallymesh.json is damaged')
  return marker
}

export function checkRoom(dir: string, stored: string, wanted: string): void {
  if (stored === wanted) return
  throw new TallymeshError(
    'STORE_WRONG_ROOM',
    `the data directory ${dir} belongs to the room ${JSON.stringify(stored)}, not to ${JSON.stringify(wanted)}; ` +
      'name that room or another directory',
  )
}

/** Any failure of opening, as an error that says what to do. */
export function openError(dir: string, error: unknown): TallymeshError {
  const { code, text } = levelReason(error)
  if (code === 'LEVEL_LOCKED') return lockedError(dir, error)
  return unusable(dir, new Error(text, { cause: error }))
}

export function lockedError(dir: string, cause?: unknown): TallymeshError {
  return new TallymeshError(
    'STORE_LOCKED',
    `the data directory ${dir} is open already, in this process or another; stop that one or name another directory`,
    { cause },
  )
}
