import { DirectoryClaim } from '../src/directory-claim.js'

// A process that holds a directory until it is killed.
const claim = await DirectoryClaim.take(process.argv[2] as string)
console.log(claim ? 'held' : 'refused')
setInterval(() => claim, 1_000)
