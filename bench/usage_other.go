//go:build !unix

package main

import "time"

// The table shows 0 where the system is not asked.
func cpuTime() time.Duration { return 0 }

func peakMemory() int64 { return 0 }

func openFiles() uint64 { return 0 }
