package expression

import (
	"errors"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// named declares nodes.named("node-1"), and the same of volumes by their handles and of VolumeAttachments. A name that nobody
// has spoken of gives an empty one (it does not exist, and nobody has it), so that a rule need not ask first.
func named() (cel.EnvOption, error) {
	volumes, err1 := searchOf(func(v *Volume) string { return v.Handle })
	nodes, err2 := searchOf(func(n *Node) string { return n.Name })
	vas, err3 := searchOf(func(a *VolumeAttachment) string { return a.Name })
	return cel.Function("named", volumes, nodes, vas), errors.Join(err1, err2, err3)
}

// searchOf is the search in a list of one type.
func searchOf[T any](nameOf func(*T) string) (cel.FunctionOpt, error) {
	of := reflect.TypeFor[T]()
	native, err := types.NewNativeType(of, types.ParseStructTags(true))
	find := func(list, name ref.Val) ref.Val {
		all, want := list.(traits.Lister), string(name.(types.String))
		if whole, ok := all.Value().([]*T); ok { // as the State has it
			for i, x := range whole {
				if nameOf(x) == want {
					return all.Get(types.Int(i))
				}
			}
		} else { // as filter has left it
			for it := all.Iterator(); it.HasNext() == types.True; {
				x := it.Next()
				if t, ok := x.Value().(*T); ok && nameOf(t) == want {
					return x
				}
			}
		}
		return native.Adapt(types.DefaultTypeAdapter, new(T))
	}
	return cel.MemberOverload("named_"+of.Name(), []*cel.Type{celType(reflect.SliceOf(of)), cel.StringType}, celType(of), cel.BinaryBinding(find)), err
}

// lookups prices a search by name, which CEL would take for one step.
type lookups struct{}

// CallCost is a tenth for each thing that may be looked at, as CEL prices the search in a string.
func (lookups) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if function != "named" {
		return nil
	}
	cost := uint64(1)
	if all, ok := args[0].(traits.Sizer); ok {
		n, _ := all.Size().Value().(int64)
		cost += uint64(n) / 10
	}
	return &cost
}
