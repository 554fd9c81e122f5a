const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6])/u
const EMOJI_SEQUENCE = /\ufe0f/
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

/** How many columns of a terminal a text takes, as most terminals count them. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += segmentWidth(segment)
  return width
}

/** The beginning of a text that fits into `width` columns; `…` stands for what is cut. */
export function cutToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const { segment } of segmenter.segment(text)) {
    left -= segmentWidth(segment)
    if (left < 0) break
    kept += segment
  }
  return width > 0 ? `${kept}…` : ''
}

function segmentWidth(segment: string): number {
  if (NO_WIDTH.test(segment)) return 0
  return WIDE.test(segment) || EMOJI_SEQUENCE.test(segment) ? 2 : 1
}
