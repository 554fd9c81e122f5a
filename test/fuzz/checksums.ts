import { crc32 } from 'node:zlib'

/** The batch that `bytes` would be if its last four bytes were its checksum. */
export function sealBatch(bytes: Uint8Array): Uint8Array {
  const sealed = bytes.slice()
  if (sealed.length < 4) return sealed
  view(sealed).setUint32(sealed.length - 4, crc32(sealed.subarray(0, -4)), true)
  return sealed
}

export function batchIsSealed(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && view(bytes).getUint32(bytes.length - 4, true) === crc32(bytes.subarray(0, -4))
}

/** The frame that `bytes` would be if its second to fifth byte were its checksum: over the kind and the body. */
export function sealFrame(bytes: Uint8Array): Uint8Array {
  const sealed = bytes.slice()
  if (sealed.length >= 5) view(sealed).setUint32(1, frameChecksum(sealed), true)
  return sealed
}

export function frameIsSealed(bytes: Uint8Array): boolean {
  return bytes.length >= 5 && view(bytes).getUint32(1, true) === frameChecksum(bytes)
}

function frameChecksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(5), crc32(bytes.subarray(0, 1)))
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
