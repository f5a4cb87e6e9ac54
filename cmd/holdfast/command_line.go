package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// again is the command line that repeats one run. What came from stdin cannot be had again; it returns "" then.
func again(src source, seed uint64, aim []string, s *settings) string {
	words := []string{program(), "run"}
	switch src.arg {
	case "-":
		return ""
	case "": // chaos
	default:
		words = append(words, quoteArg(src.arg))
	}
	if src.resolved == nil || src.resolved.Seed != seed {
		words = append(words, fmt.Sprintf("--seed %#x", seed))
	}
	if s.system != defaultSystem || src.resolved != nil && s.given["system"] {
		words = append(words, "--system "+s.system)
	}
	if s.strategy != defaultStrategy || src.resolved != nil && s.given["strategy"] {
		words = append(words, "--strategy "+s.strategy)
	}
	if len(aim) > 0 {
		words = append(words, "--aim "+strings.Join(aim, ","))
	}
	return strings.Join(words, " ")
}

// replayLine is the command line that replays a trace.
func replayLine(path string) string { return program() + " replay " + quoteArg(path) }

// program is how this program is called from a shell here: by its name if the path finds it, by go run if that is how it was
// started, else as it was typed.
func program() string {
	self, err := os.Executable()
	if err != nil {
		return "holdfast"
	}
	if found, err := exec.LookPath("holdfast"); err == nil && sameFile(found, self) {
		return "holdfast"
	}
	if strings.Contains(filepath.ToSlash(self), "/go-build") {
		if _, err := os.Stat("cmd/holdfast/main.go"); err == nil {
			return "go run ./cmd/holdfast"
		}
		return "go run github.com/holdfast-sim/holdfast/cmd/holdfast"
	}
	return quoteArg(os.Args[0])
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// quoteArg quotes a word for a shell, if it needs that.
func quoteArg(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
