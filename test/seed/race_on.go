//go:build race

package seed

const checks = "25" // each takes ten times as long, and races do not hide in values
