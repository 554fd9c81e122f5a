import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderBalancer } from '@tallymesh/server'
import { ADDRESSES, DEPLOY, FILES } from './balancer-renderings.js'

for (const [kind, file] of FILES) writeFileSync(join(DEPLOY, file), renderBalancer(kind, ADDRESSES))
