import type { Draw } from '../draw.js'
import type { NodeName } from '../plan/command.js'

/** Faults that befall a share of the frames. */
export type Share = 'lose' | 'repeat' | 'damage' | 'reorder'

const SHARES: readonly Share[] = ['lose', 'repeat', 'damage', 'reorder']

/** What the network is like from one place to another. Every number is drawn by the name of the direction and the number of the
 *  frame, counted over all connections: so it stays where it was when other events are taken out of a plan. */
export class Conditions {
  cut = false
  clogUntilMs = 0
  /** Whether a share is set: then each frame is looked at more closely. */
  faulty = false
  /** The names of all draws, made once. */
  readonly #names: { readonly delay: string; readonly next: string }
  readonly #shareNames: Record<Share, string>
  readonly #detailNames: Record<Share, string>
  readonly #shares: Record<Share, number> = { lose: 0, repeat: 0, damage: 0, reorder: 0 }
  #leastMs: number
  #jitterMs: number
  #frames = 0
  #drawn = 0

  constructor(
    readonly from: NodeName,
    readonly to: NodeName,
    readonly draw: Draw,
    readonly ordinaryMs: readonly [min: number, max: number],
  ) {
    const name = `${from}>${to}`
    this.#names = { delay: name, next: `${name} next` }
    this.#shareNames = namesOf(share => `${name} ${share}`)
    this.#detailNames = namesOf(share => `${name} ${share} how`)
    this.#leastMs = ordinaryMs[0]
    this.#jitterMs = ordinaryMs[1] - ordinaryMs[0]
  }

  /** The number of the next frame. */
  nextFrame(): number {
    return this.#frames++
  }

  /** How long a frame takes. */
  delayMs(frame: number): number {
    return this.#leastMs + this.draw(this.#names.delay, frame) * this.#jitterMs
  }

  /** The longest that a frame may take. */
  get delayMsMax(): number {
    return this.#leastMs + this.#jitterMs
  }

  befalls(share: Share, frame: number): boolean {
    const percent = this.#shares[share]
    return percent > 0 && this.draw(this.#shareNames[share], frame) * 100 < percent
  }

  /** A number of this frame for the details of a fault. */
  detail(share: Share, frame: number): number {
    return this.draw(this.#detailNames[share], frame)
  }

  /** The next number for what is no frame: connections made and ended. */
  next(): number {
    return this.draw(this.#names.next, this.#drawn++)
  }

  setDelay(ms: number, jitterMs: number): void {
    this.#leastMs = ms
    this.#jitterMs = jitterMs
  }

  /** @param percent 0 to 100 */
  setShare(share: Share, percent: number): void {
    this.#shares[share] = percent
    this.faulty = Object.values(this.#shares).some(set => set > 0)
  }

  /** The ordinary network again. */
  heal(): void {
    this.cut = false
    this.clogUntilMs = 0
    this.setDelay(this.ordinaryMs[0], this.ordinaryMs[1] - this.ordinaryMs[0])
    for (const share of SHARES) this.#shares[share] = 0
    this.faulty = false
  }
}

function namesOf(name: (share: Share) => string): Record<Share, string> {
  return { lose: name('lose'), repeat: name('repeat'), damage: name('damage'), reorder: name('reorder') }
}
