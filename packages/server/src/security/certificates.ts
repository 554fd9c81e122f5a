import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:tls'
import { tlsSettings } from '../http/http-server.js'
import { plural } from '../plural.js'
import { loadTls, type TlsFiles, type TlsMaterial } from './tls-files.js'

const DAY_MS = 86_400_000
const WARN_DAYS = 14

/** The certificates that a server shows and asks for, as its files hold them. */
export class Certificates {
  #material: TlsMaterial

  private constructor(
    readonly files: TlsFiles,
    material: TlsMaterial,
  ) {
    this.#material = material
  }

  /** @throws TallymeshError TLS_UNUSABLE */
  static async load(files: TlsFiles): Promise<Certificates> {
    return new Certificates(files, await loadTls(files))
  }

  get material(): TlsMaterial {
    return this.#material
  }

  /** What an operator should repair, in sentences. */
  get warnings(): string[] {
    const leftMs = this.#material.validToMs - Date.now()
    if (leftMs > WARN_DAYS * DAY_MS) return []
    const days = Math.floor(leftMs / DAY_MS)
    const ends = days < 1 ? 'ends within a day' : `ends in ${plural(days, 'day')}`
    return [`the certificate ${this.files.cert} ${leftMs < 0 ? 'has ended' : ends}; renew it`]
  }

  /** Reads the files again; connections from now on use what they hold. Where they cannot be used, nothing changes.
   *  @throws TallymeshError TLS_UNUSABLE */
  async reload(server: Server): Promise<void> {
    const material = await loadTls(this.files)
    ;(server as unknown as TlsServer).setSecureContext(tlsSettings(material))
    this.#material = material
  }
}
