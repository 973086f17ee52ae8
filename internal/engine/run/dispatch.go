package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// dispatch is the one place from which every step is run.
func (r *Runner) dispatch(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.CreateRecord:
		return r.createRecord(ctx)
	case model.ResetControlPlane:
		return r.resetControlPlane(ctx)
	case model.RemoveStaleNodes:
		return r.removeStaleNodes(ctx)
	case model.ReconnectWorkers:
		return r.reconnectWorkers(ctx, s)
	case model.DeleteRecord:
		return r.deleteRecord(ctx, s.Parents)
	case model.CreateIPPool:
		return r.createIPPool(ctx)
	case model.DeleteIPPool:
		return r.deleteIPPool(ctx)
	case model.CreateFolder, model.DeleteFolder, model.MoveNodes, model.ImportImage, model.BuildImage, model.DeleteBuilder,
		model.SpreadNodes, model.PlaceNodes, model.DeleteRules:
		return r.prepareInventory(ctx, step)
	case model.SnapshotEtcd:
		return r.snapshotEtcd(ctx, s)
	case model.DeleteSnapshots:
		return r.deleteSnapshots(ctx, s)
	case model.BindAdmins:
		return failureOf(r.api.wait(ctx)) // the first thing that every run does with the API
	case model.CreateLoadBalancer, model.ReplaceLoadBalancer, model.RestartLoadBalancer, model.UpdateBackends, model.DeleteLoadBalancer:
		return r.runLoadBalancer(ctx, step)
	case model.ReserveEndpoint, model.ReleaseEndpoint, model.ClaimAddress, model.ReleaseAddress:
		return r.addresses.run(ctx, step)
	case model.ReserveRange:
		return r.reserveRange(ctx, s)
	case model.ReleaseRange:
		return r.releaseRange(ctx, s)
	case model.CreateNode, model.DeleteNode, model.RemoveLostNode, model.PowerOnNode, model.RestartNode,
		model.WipeUserdata, model.UpdateNodeMetadata, model.UncordonNode:
		return r.changeNode(ctx, step)
	case model.UpdateDescription, model.UpdateVMTags:
		return r.describeVMs(ctx, step)
	case model.UpdateKubeadmConfig:
		return r.updateKubeadmConfig(ctx, s)
	case model.UpdateAddon:
		return r.updateAddon(ctx, s)
	case model.RewriteSecrets:
		return r.rewriteSecrets(ctx, s)
	case model.ApplyPack, model.InstallPack, model.UpgradePack, model.UninstallPack, model.WriteCredentials, model.DeleteCredentials,
		model.WaitForPack:
		return r.changePack(ctx, step)
	case model.StoreImportData:
		return nil // Finish does it, after every apply
	default:
		return fmt.Errorf("unknown step %T", step)
	}
}

// changeNode runs the steps on one node.
func (r *Runner) changeNode(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.CreateNode:
		return r.createNode(ctx, s)
	case model.DeleteNode:
		defer r.rooms.freed()
		return r.deleteNode(ctx, s)
	case model.RemoveLostNode:
		return r.removeLostNode(ctx, s)
	case model.PowerOnNode:
		return r.powerOnNode(ctx, s)
	case model.RestartNode:
		return r.noteRestart(ctx, s, r.restartNode(ctx, s))
	case model.WipeUserdata:
		return r.wipeUserdata(ctx, s.VM, s.Node)
	case model.UpdateNodeMetadata:
		return r.updateNodeMetadata(ctx, s.Node, s.Meta)
	case model.UncordonNode:
		return r.uncordonNode(ctx, s)
	default:
		return fmt.Errorf("unknown step %T", step)
	}
}

// prepareInventory runs the steps on what nodes are in and made of, and what keeps them apart.
func (r *Runner) prepareInventory(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.CreateFolder:
		return failureOf(r.folder(ctx))
	case model.DeleteFolder:
		return failureOf(r.leaveFolder(ctx, s, true))
	case model.MoveNodes:
		return r.moveNodes(ctx, s)
	case model.ImportImage:
		return failureOf(r.image(ctx, s.Image))
	case model.BuildImage:
		return failureOf(r.image(ctx, s.Image))
	case model.DeleteBuilder:
		return r.deleteBuilder(ctx, s)
	case model.SpreadNodes:
		return r.settleRules(ctx, s.ComputeCluster)
	case model.PlaceNodes:
		return r.settleRules(ctx, s.ComputeCluster)
	case model.DeleteRules:
		return r.deleteRules(ctx, s)
	default:
		return fmt.Errorf("unknown step %T", step)
	}
}
