import { createHash } from 'node:crypto'
import { plural } from '../plural.js'
import { CommandError, EXIT } from './exit-code.js'

const FORMAT = 'tallymesh-export'
const VERSION = 1
/** The longest key is far below it. */
const LINE_BYTES_MAX = 256 * 1024
const NEWLINE = 0x0a

/** What the first line of an export says. */
export interface ExportHead {
  readonly room: string
  readonly node: string
  readonly at: string
}

/** Checks an export as its bytes come by: head, form of each line, number of slots and SHA-256. Keeps one line in memory. */
export class ExportCheck {
  readonly #source: string
  readonly #sha256 = createHash('sha256')
  #rest: Buffer = Buffer.alloc(0)
  #head: ExportHead | undefined
  #lines = 0
  #slots = 0
  #ended = false

  /** @param source names the export in errors */
  constructor(source: string) {
    this.#source = source
  }

  get slots(): number {
    return this.#slots
  }

  /** @throws CommandError at the first line that is not as it must be */
  push(chunk: Uint8Array): void {
    let bytes = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk])
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE)) {
      this.#line(bytes.subarray(0, end + 1))
      bytes = bytes.subarray(end + 1)
    }
    if (bytes.length > LINE_BYTES_MAX) this.#fail(`line ${this.#lines + 1} is too long for an export`)
    this.#rest = bytes
  }

  /** The head, once everything was pushed and found whole. @throws CommandError for an export that is cut off */
  end(): ExportHead {
    if (this.#rest.length > 0) this.#fail('its last line is cut off')
    if (!this.#head) this.#fail('it is empty')
    if (!this.#ended) this.#fail(`it breaks off after ${plural(this.#slots, 'slot')}`)
    return this.#head as ExportHead
  }

  #line(line: Buffer): void {
    this.#lines++
    const fields = this.#parse(line)
    if (this.#ended) this.#fail(`line ${this.#lines} stands after the end`)
    if (!this.#head) this.#head = this.#readHead(fields)
    else if (fields.end === true) this.#readEnd(fields)
    else this.#readSlot(fields, line)
  }

  #parse(line: Buffer): Record<string, unknown> {
    try {
      const fields: unknown = JSON.parse(line.toString())
      if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return fields as never
    } catch {
      // Said below.
    }
    return this.#fail(this.#head ? `line ${this.#lines} is no JSON object` : 'it is no tallymesh export')
  }

  #readHead({ format, version, room, node, at }: Record<string, unknown>): ExportHead {
    if (format !== FORMAT) this.#fail('it is no tallymesh export')
    if (version !== VERSION) {
      this.#fail(`it has version ${JSON.stringify(version)}, this tallymesh reads ${VERSION}; use a newer one`)
    }
    if (typeof room !== 'string' || typeof node !== 'string' || typeof at !== 'string')
      this.#fail('its head is damaged')
    return { room, node, at } as ExportHead
  }

  #readSlot({ key, replica, increments, decrements }: Record<string, unknown>, line: Buffer): void {
    const named = typeof key === 'string' && typeof replica === 'string'
    if (!named || !isCount(increments) || !isCount(decrements)) this.#fail(`line ${this.#lines} is no slot`)
    this.#sha256.update(line)
    this.#slots++
  }

  #readEnd({ slots, sha256 }: Record<string, unknown>): void {
    this.#ended = true
    if (slots !== this.#slots)
      this.#fail(`it holds ${plural(this.#slots, 'slot')}, its end says ${JSON.stringify(slots)}`)
    if (sha256 !== this.#sha256.digest('hex')) this.#fail('its slots do not match their SHA-256')
  }

  #fail(what: string): never {
    throw new CommandError(EXIT.failed, `${this.#source} is damaged: ${what}`)
  }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
