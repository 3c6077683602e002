//go:build !race

package gennostr_test

// strangersCrowd is how many relays a crowd has: fewer under the race detector.
const strangersCrowd = 1000
