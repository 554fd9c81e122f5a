// The text of commands and plans, for whoever reads or prints them.
export { isVerb, parseCommand, printCommand, readCommand, VERBS } from './command-words.js'
export { LineWords, printKey, printNumber } from './line-words.js'
export { parsePlan, printPlan } from './plan-words.js'
export { printRoom, RoomReader } from './room-words.js'
