import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Whether certificates can be made here. Says why not, as the test runner wants it. */
export function canIssue(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    console.log('SKIP: openssl is not installed')
    return false
  }
}

/** A certificate authority of a test, in a directory of its own. */
export class Authority {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tallymesh-ca-'))
  readonly cert: string

  constructor(name: string) {
    this.#openssl([
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    ])
    this.cert = this.#read('ca.pem')
  }

  /** @param names subject alternative names, such as `DNS:node.test` or `IP:127.0.0.1`
   *  @param days how long it is valid; -1 makes one that has expired */
  issue(names: readonly string[], days = 2): Certificate {
    writeFileSync(join(this.#dir, 'names'), `subjectAltName=${names.join(',')}\n`)
    this.#openssl(['req', ...NEW_KEY, '-keyout', 'one.key', '-out', 'one.csr', '-subj', '/CN=node'])
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
    this.#openssl(['x509', '-req', '-in', 'one.csr', '-out', 'one.pem', '-days', String(days), ...signing])
    return { cert: this.#read('one.pem'), key: this.#read('one.key') }
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true })
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#dir, stdio: 'pipe' })
  }

  #read(file: string): string {
    return readFileSync(join(this.#dir, file), 'utf8')
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
