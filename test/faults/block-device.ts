import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Cleaning } from './cleaning.js'

export type FileSystem = 'ext4' | 'xfs'

const IMAGE_BYTES: Readonly<Record<FileSystem, number>> = { ext4: 64 * 1024 * 1024, xfs: 300 * 1024 * 1024 }
const HELD_MS_MAX = 90_000
const FORMAT: Readonly<Record<FileSystem, readonly string[]>> = { ext4: ['-q', '-F'], xfs: ['-q', '-f'] }

/** EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number; 2 is "without flushing the log". Node has no ioctl, and perl-base is
 *  on every Debian. It waits for a line, so that the cut comes when it is asked for and not a process start later. */
const CUT = `
open(my $root, '<', $ARGV[0]) or die "cannot open it: $!";
$| = 1;
print "armed\\n";
<STDIN> // exit 0;
my $flags = pack('L', 2);
ioctl($root, 0x8004587d, $flags) or die "the shutdown call failed: $!";
print "cut\\n";
`

/** A file system in a file, on a loop device, whose power can be cut. Needs root. */
export class LoopDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly #image: string
  readonly #cleaning: Cleaning
  #cutter: ChildProcess | undefined

  /** Makes, formats and mounts it. @throws Error where this machine does not allow it; nothing is left then */
  static async open(kind: FileSystem): Promise<LoopDisk> {
    const disk = new LoopDisk(kind)
    try {
      execFileSync(`mkfs.${kind}`, [...FORMAT[kind], disk.#image], { stdio: 'pipe' })
      disk.mount()
      return disk
    } catch (error) {
      await disk.remove()
      throw error
    }
  }

  private constructor(readonly kind: FileSystem) {
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-disk-'))
    this.path = join(dir, 'mount')
    this.#image = join(dir, 'image')
    this.#cleaning = new Cleaning('umount -l "$1/mount"; rm -rf "$1"', dir)
    mkdirSync(this.path)
    writeFileSync(this.#image, '')
    truncateSync(this.#image, IMAGE_BYTES[kind])
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.path], { stdio: 'pipe' })
  }

  /** Resolves once nobody holds it any more: a mount namespace that was made meanwhile has a mount of its own of it, and while that
   *  lives the next mount would be of the disk that was cut. @throws Error while a process uses it */
  async unmount(): Promise<void> {
    execFileSync('umount', [this.path], { stdio: 'pipe' })
    const endMs = performance.now() + HELD_MS_MAX
    while (execFileSync('losetup', ['-j', this.#image], { encoding: 'utf8' }) !== '') {
      if (performance.now() > endMs)
        throw new Error(`${this.path} is still held ${HELD_MS_MAX} ms after it was unmounted`)
      await pause(50)
    }
  }

  /** Gets ready to cut; the disk cannot be unmounted until it was cut. */
  async arm(): Promise<void> {
    this.#cutter = spawn('perl', ['-e', CUT, this.path], { stdio: ['pipe', 'pipe', 'inherit'] })
    await this.#said('armed')
  }

  /** Ends the disk as a power cut does: what was not synced is gone, and so is the rest for whoever uses it now. */
  async cut(): Promise<void> {
    const exited = once(this.#cutter as ChildProcess, 'exit')
    this.#cutter?.stdin?.end('\n')
    await this.#said('cut')
    await exited
    this.#cutter = undefined
  }

  async remove(): Promise<void> {
    this.#cutter?.kill('SIGKILL')
    await this.#cleaning.run()
  }

  async #said(word: string): Promise<void> {
    const { stdout } = this.#cutter as ChildProcess
    const [line] = stdout ? await Promise.race([once(stdout, 'data'), once(stdout, 'end')]) : []
    if (String(line).trim() !== word) throw new Error(`the power of ${this.path} cannot be cut: ${line}`)
  }
}
