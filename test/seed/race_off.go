//go:build !race

package seed

const checks = "100"
