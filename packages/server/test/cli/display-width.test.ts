import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cutToWidth, displayWidth } from '../../src/cli/display-width.js'

const width = suite('display width')

width('counts columns, not code units', () => {
  const widths = { orders: 6, é: 1, 'e\u0301': 1, 日本: 4, '👍': 2, '👨‍👩‍👧': 2, '❤️': 2, '\u200b': 0, '': 0 }
  for (const [text, columns] of Object.entries(widths)) assert.is(displayWidth(text), columns, text)
})

width('cuts to columns without splitting a character', () => {
  assert.is(cutToWidth('orders', 6), 'orders')
  assert.is(cutToWidth('orders', 5), 'orde…')
  assert.is(cutToWidth('日本語', 5), '日本…')
  assert.is(cutToWidth('日本語', 4), '日…')
  assert.is(cutToWidth('abc', 1), '…')
  assert.is(cutToWidth('abc', 0), '')
})

width.run()
