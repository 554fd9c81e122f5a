import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withoutCode } from './coverage.js'
import { TrapTree } from './traps.js'

const exclusion = suite('files without code')

exclusion('are those of types alone, and those whose source is gone', () => {
  const tree = new TrapTree()
  try {
    tree.write('packages/x/src/port.ts', 'export interface Port {}')
    tree.write('packages/x/dist/src/port.js', '/** A port. */\nexport {};\n//# sourceMappingURL=port.js.map')
    tree.write('packages/x/dist/src/gone.js', 'export const gone = 1;')
    tree.write('packages/x/src/deep/slot.ts', 'export const slot = 1')
    tree.write('packages/x/dist/src/deep/slot.js', '// one\nexport const slot = 1;\nexport {};')
    tree.write('packages/y/package.json', '{}')
    assert.equal(withoutCode(tree.root).sort(), ['packages/x/dist/src/gone.js', 'packages/x/dist/src/port.js'])
  } finally {
    tree.remove()
  }
})

exclusion.run()
