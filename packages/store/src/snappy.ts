import { ByteReader } from './byte-reader.js'

/** Expands a Snappy block. Format: google/snappy, format_description.txt.
 *  @throws Error where the block breaks the format or grows past `bytesMax` */
export function expandSnappy(block: Uint8Array, bytesMax: number): Uint8Array {
  const reader = new ByteReader(block)
  const length = reader.varint()
  if (length > bytesMax) throw new Error(`a block of ${length} bytes is too large`)
  const out = new Uint8Array(length)
  let at = 0
  while (!reader.done) {
    const tag = reader.byte()
    if ((tag & 3) === 0) {
      const bytes = reader.take(literalLength(reader, tag >> 2))
      if (at + bytes.length > length) throw new Error('a block is longer than it says')
      out.set(bytes, at)
      at += bytes.length
      continue
    }
    const [size, distance] = copyOf(reader, tag)
    if (distance === 0 || distance > at || at + size > length) throw new Error('a copy leaves its block')
    // Source and target may overlap: a copy repeats what it has just written.
    for (const end = at + size; at < end; at++) out[at] = out[at - distance] as number
  }
  if (at !== length) throw new Error('a block is shorter than it says')
  return out
}

function literalLength(reader: ByteReader, code: number): number {
  return code < 60 ? code + 1 : little(reader, code - 59) + 1
}

function copyOf(reader: ByteReader, tag: number): [size: number, distance: number] {
  if ((tag & 3) === 1) return [((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | reader.byte()]
  return [(tag >> 2) + 1, little(reader, (tag & 3) === 2 ? 2 : 4)]
}

function little(reader: ByteReader, bytes: number): number {
  let value = 0
  for (let index = 0; index < bytes; index++) value += reader.byte() * 256 ** index
  return value
}
