const SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Hangul'].map(name => `\\p{Script=${name}}`).join('')
const PUNCTUATION = String.raw`\u3000-\u303f\uff01-\uff60\uffe0-\uffe6`
const EMOJI_SEQUENCE = /\ufe0f/

/** What a reader takes for one character. */
interface Grapheme {
  readonly segment: string
  readonly width: number
}

/** Takes texts apart. It takes longer to make than most commands take to load, so one is made for the first text that is not
 *  ASCII. */
class Graphemes {
  readonly #segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
  readonly #wide = new RegExp(`^(?:\\p{Emoji_Presentation}|[${SCRIPTS}${PUNCTUATION}])`, 'u')
  readonly #noWidth = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

  of(text: string): Grapheme[] {
    return Array.from(this.#segmenter.segment(text), ({ segment }) => ({ segment, width: this.#width(segment) }))
  }

  #width(segment: string): number {
    if (this.#noWidth.test(segment)) return 0
    return this.#wide.test(segment) || EMOJI_SEQUENCE.test(segment) ? 2 : 1
  }
}

let graphemes: Graphemes | undefined

function graphemesOf(text: string): Grapheme[] {
  graphemes ??= new Graphemes()
  return graphemes.of(text)
}

/** How many columns of a terminal a text takes, as most terminals count them. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const grapheme of graphemesOf(text)) width += grapheme.width
  return width
}

/** The beginning of a text that fits into `width` columns; `…` stands for what is cut. */
export function cutToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const { segment, width } of graphemesOf(text)) {
    left -= width
    if (left < 0) break
    kept += segment
  }
  return width > 0 ? `${kept}…` : ''
}
