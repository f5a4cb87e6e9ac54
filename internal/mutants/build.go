package mutants

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// modulePath is Holdfast's own, by which its source tree is known.
const modulePath = "github.com/holdfast-sim/holdfast"

// FindRoot returns the root of Holdfast's source tree that dir is in.
func FindRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && slices.Contains(strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n"), "module "+modulePath) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in the source tree of module %s, and mutants are made of that", dir, modulePath)
		}
	}
}

// overlay writes the mutant's files and the JSON file that puts them in the place of the real ones. A nil patch changes nothing.
func overlay(root, dir string, p *Patch) (string, error) {
	replace := map[string]string{}
	if p != nil {
		changed, err := p.Apply(os.DirFS(root))
		if err != nil {
			return "", err
		}
		for name, text := range changed {
			to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
			if err := os.WriteFile(to, text, 0o666); err != nil {
				return "", err
			}
			replace[filepath.Join(root, filepath.FromSlash(name))] = to
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, text, 0o666)
}

// build makes the holdfast command of a mutant, or of the unmutated code if the patch is nil, below dir.
func (c Campaign) build(ctx context.Context, dir string, p *Patch, race bool) (string, error) {
	file, err := overlay(c.Root, dir, p)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "holdfast.exe")
	args := []string{"build", "-buildvcs=false", "-overlay", file, "-ldflags", "-s -w", "-o", program}
	if race {
		args = append(args, "-race")
	}
	cmd := c.command(ctx, "go", append(args, "./cmd/holdfast")...)
	cmd.Dir = c.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: %s", errBuild, strings.TrimSpace(string(out)))
	}
	return program, nil
}

// command is a process that ends with the context, with all that it has started.
func (c Campaign) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = waitDelay
	together(cmd)
	return cmd
}
