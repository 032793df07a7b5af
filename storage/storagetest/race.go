//go:build race

package storagetest

const raced = true
