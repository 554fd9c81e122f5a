import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { importsOf, splitSource } from './source-text.js'

const views = suite('the views of a source')

views('blank out what they leave out, at the same places', () => {
  const { code, comments } = splitSource("a('b') // c\n/* d\ne */ f")
  assert.is(code, "a(' ')     \n    \n     f")
  assert.is(comments, '       // c\n/* d\ne */  ')
})

views('keep the code inside a template', () => {
  assert.is(splitSource('`a ${b + `c ${d}`} e` + f').code, '`  ${b + `  ${d}`}  ` + f')
})

views('tell a regular expression from a division', () => {
  assert.is(splitSource('return /a"b/.test(c)').code, 'return /   /.test(c)')
  assert.is(splitSource('a / b / "c"').code, 'a / b / " "')
})

views('survive a text that ends in the middle', () => {
  for (const text of ["'a", '`a ${b', '/* a', 'x = /a', '`a', "'a\\"]) splitSource(text)
})

views('list imports with their lines', () => {
  const source = splitSource(
    "import a from 'x'\n// import b from 'y'\nexport * from \"z\"\nawait import('w')\nf(\"from 'v'\")",
  )
  assert.equal(importsOf(source), [
    { name: 'x', line: 1 },
    { name: 'z', line: 3 },
    { name: 'w', line: 4 },
  ])
})

views.run()
