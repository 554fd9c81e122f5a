import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readLevelLog } from './level-log.js'
import { checkTable } from './level-table.js'
import { type LevelVersion, readVersion } from './version-edit.js'

/** What LevelDB plays when it opens a database: the manifest and the write-ahead logs. */
export interface JournalReport {
  /** A sentence for each damage; empty: every live byte is as it was written. */
  readonly damage: string[]
  /** The live write-ahead logs that are there, oldest first, damaged or not; without a manifest all count as live. */
  readonly logs: string[]
  /** What each of them holds: the whole batches before its end, or before its damage. */
  readonly batches: (readonly Uint8Array[])[]
}

/** What all files of a LevelDB database look like before LevelDB opens, and thereby changes, them. */
export interface FileReport extends JournalReport {
  /** The live tables that are there, damaged or not; without a manifest all count as live. */
  readonly tables: string[]
}

/** Verifies the manifest and the write-ahead logs. The directory's lock must be held: another process' log is in motion.
 *  Cost: one read of these files, which stay small. */
export async function checkJournal(dir: string): Promise<JournalReport> {
  const { report } = await checkPlayed(dir, await readdir(dir))
  return report
}

/** Verifies the tables as well; the lock as above. Cost: one read of all files. */
export async function checkLevelFiles(dir: string): Promise<FileReport> {
  const names = await readdir(dir)
  const { report: played, version } = await checkPlayed(dir, names)
  const report: FileReport = { ...played, tables: [] }
  const tables = version
    ? [...version.tables.keys()]
    : names.filter(name => /^\d+\.(ldb|sst)$/.test(name)).map(name => Number.parseInt(name, 10))
  for (const number of tables) await checkTableFile(dir, names, number, version?.tables.get(number), report)
  return report
}

async function checkPlayed(dir: string, names: string[]) {
  const report: JournalReport = { damage: [], logs: [], batches: [] }
  const version = await readManifest(dir, names, report)
  await checkLogs(dir, names, version, report)
  return { report, version }
}

async function readManifest(dir: string, names: string[], report: JournalReport): Promise<LevelVersion | undefined> {
  if (!names.includes('CURRENT')) {
    report.damage.push('the file CURRENT is missing')
    return undefined
  }
  const current = await readFile(join(dir, 'CURRENT'), 'latin1')
  const name = /^(MANIFEST-\d+)\n$/.exec(current)?.[1]
  if (name === undefined || !names.includes(name)) {
    report.damage.push(name === undefined ? 'the file CURRENT is damaged' : `the manifest ${name} is missing`)
    return undefined
  }
  const log = readLevelLog(await readFile(join(dir, name)))
  if (log.damage !== undefined) {
    report.damage.push(`${name}: ${log.damage}`)
    return undefined
  }
  try {
    return readVersion(log.records)
  } catch (cause) {
    report.damage.push(`${name}: a record breaks the format (${(cause as Error).message})`)
    return undefined
  }
}

async function checkLogs(dir: string, names: string[], version: LevelVersion | undefined, report: JournalReport) {
  // An older log may linger where LevelDB could not remove it: what it says has been overtaken by the tables.
  const from = version?.logNumber ?? 0
  const numbers = names
    .filter(name => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= from)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  if (from > 0 && !numbers.some(name => Number.parseInt(name, 10) === from)) {
    report.damage.push(`the write-ahead log ${from} is missing`)
  }
  let torn: string | undefined
  for (const name of numbers) {
    const log = readLevelLog(await readFile(join(dir, name)))
    report.logs.push(name)
    report.batches.push(log.records)
    if (log.damage !== undefined) report.damage.push(`${name}: ${log.damage}`)
    // Only the log that was written last may end within a record; a start on a full disk leaves an empty one behind it.
    if (torn !== undefined && log.records.length > 0) {
      report.damage.push(`${torn}: it ends within a record, but ${name} goes on`)
      torn = undefined
    }
    if (log.torn) torn = name
  }
}

async function checkTableFile(
  dir: string,
  names: string[],
  number: number,
  length: number | undefined,
  report: FileReport,
): Promise<void> {
  const stem = String(number).padStart(6, '0')
  const name = [`${stem}.ldb`, `${stem}.sst`].find(candidate => names.includes(candidate))
  if (name === undefined) {
    report.damage.push(`the table ${stem}.ldb is missing`)
    return
  }
  report.tables.push(name)
  const bytes = await readFile(join(dir, name))
  if (length !== undefined && bytes.length !== length) {
    report.damage.push(`${name}: it has ${bytes.length} bytes instead of ${length}`)
    return
  }
  for (const sentence of checkTable(bytes)) report.damage.push(`${name}: ${sentence}`)
}
