// The program of a node under fault: the same as of the cluster tests, so that what is shown here holds for what is tested there.
import '../cluster/node-process.js'
