import { isIPv4 } from 'node:net'

/** Whether only this machine can reach what listens on `host`: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (bare === 'localhost' || bare === '::1' || bare === '0:0:0:0:0:0:0:1') return true
  const mapped = bare.startsWith('::ffff:') ? bare.slice('::ffff:'.length) : bare
  return isIPv4(mapped) && mapped.startsWith('127.')
}
