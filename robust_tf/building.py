"""Builds what a plan of training describes: network, attack, optimizer, and the method of them."""

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from robust_tf import losses, networks, optim, plans
from robust_tf.attacks import PGD, Curriculum, aims, compiled, named, step_size
from robust_tf.errors import InputError
from robust_tf.methods import METHODS, Method
from robust_tf.threat import Threat
from robust_tf.victim import Victim, network_victim

# Paper 1's code draws once for the 32 images of a GPU whether they start clean.
_CLEAN_START_BLOCK = 32


def method(plan: plans.Train, image_shape, classes: int, steps: int) -> Method:
    """The method that the plan describes, with its network, attack and optimizer.

    Args:
      plan: of the training.
      image_shape: height, width, channels.
      classes: how many.
      steps: updates an epoch.
    """
    built_network = network(plan, image_shape, classes)
    optimizer = _optimizer(plan, steps)
    attack = training_attack(plan)
    if plan.attack.attack_warmup_epochs:
        length = round(plan.attack.attack_warmup_epochs * steps)
        attack = Curriculum(attack, optimizer.iterations, length)
    xla = _use_xla(plan.attack.xla)
    val_attack = None
    if plan.val_attack != "clean":
        val_attack = compiled(named(plan.val_attack, Threat(plan.norm, plan.eval_eps)), xla)
    built = METHODS[plan.recipe.method](
        built_network,
        attack=compiled(attack, xla),
        victim=_victim(plan, built_network, image_shape, classes),
        val_attack=val_attack,
        seed=plan.seed,
        accumulate=plan.accumulate,
        weight_decay=plan.recipe.weight_decay,
        label_smoothing=plan.recipe.label_smoothing,
        block=_CLEAN_START_BLOCK if plan.attack.attack_clean_start else None,
        **_hyperparameters(plan.recipe),
    )
    built.compile(optimizer)
    return built


def network(plan: plans.Train, image_shape, classes: int) -> keras.Model:
    """The network that the plan describes.

    Args:
      plan: of the training.
      image_shape: height, width, channels.
      classes: how many.
    """
    return _network(plan, image_shape, classes, plan.network.precision)


def training_attack(plan: plans.Train) -> PGD:
    """What makes the training's adversarial images."""
    flags = plan.attack
    aim = aims.TARGETS.get(flags.attack_target, aims.UNTARGETED)
    if flags.attack_loss == "kl":
        if aim.targeted:
            raise InputError(
                "--attack_loss=kl leads away from the clean prediction and cannot aim at "
                f"--attack_target={flags.attack_target}; expected --attack_target=none."
            )
        if flags.attack_start == "none" or flags.attack_clean_start:
            raise InputError(
                "--attack_loss=kl has no gradient at the clean image; expected "
                "--attack_start=uniform or gaussian, and --attack_clean_start=0."
            )
        aim = aims.CLEAN_PREDICTION
    return PGD(
        Threat(plan.norm, plan.eps),
        loss=losses.by_name(flags.attack_loss, flags.kappa, aim.targeted),
        aim=aim,
        steps=flags.attack_steps,
        step_size=step_size(flags.attack_step_rule, flags.attack_step_size, flags.attack_steps),
        start=flags.attack_start,
        clean_start=flags.attack_clean_start,
        momentum=flags.attack_momentum,
        restarts=flags.attack_restarts,
    )


def learning_rate(plan: plans.Train, steps: int) -> LearningRateSchedule:
    """The course of the learning rate, in updates.

    Args:
      plan: of the training.
      steps: updates an epoch.
    """
    flags = plan.optimizer
    return optim.schedule(
        flags.schedule,
        flags.lr,
        plan.epochs * steps,
        drops=tuple(epoch * steps for epoch in flags.lr_drops),
        drop_factor=flags.lr_drop_factor,
        warmup_steps=round(flags.warmup_epochs * steps),
        warmup_from=flags.warmup_from,
    )


def _hyperparameters(flags: plans.Recipe) -> dict:
    """The method's own, by the symbols of its paper."""
    shuffle = {"k": flags.rlfat_blocks, "per_batch": flags.rlfat_per_batch}
    lam, eta = {"lam": flags.trades_lambda}, {"eta": flags.rlfat_eta}
    return {
        "standard": {},
        "pgd_at": {},
        "trades": lam,
        "rlfat_p": eta | shuffle,
        "rlfat_t": lam | eta | shuffle,
        "bat": {"beta": flags.bat_beta, "gamma": flags.bat_gamma, "labels": flags.bat_labels},
        "fpd": {
            "attacked": flags.fpd_input == "attack",
            "epsilon": flags.fpd_noise,
            "alpha1": flags.fpd_alpha1,
            "alpha2": flags.fpd_alpha2,
            "T": flags.fpd_threshold,
            "phases": flags.fpd_phases,
        },
        "smoothing": {"layer": flags.smoothing_layer, "delta": flags.smoothing_delta},
    }[flags.method]


def _network(plan: plans.Train, image_shape, classes: int, dtype: str, **options) -> keras.Model:
    flags = plan.network
    return networks.build(
        flags.network,
        image_shape,
        classes,
        activation=flags.activation,
        head=flags.head,
        stem=flags.stem,
        denoise=flags.denoise,
        denoise_at=flags.denoise_at,
        fpd=_fpd(flags),
        seed=plan.seed,
        dtype=dtype,
        **{"sync_bn": flags.sync_bn, **options},
    )


def _fpd(flags: plans.Network) -> networks.FPD | None:
    if flags.fpd == "none":
        return None
    return networks.FPD(
        parts=flags.fpd,
        at=flags.fpd_at,
        inner=flags.fpd_inner,
        bottleneck=flags.fpd_bottleneck,
        clean=flags.fpd_clean,
    )


def _victim(plan: plans.Train, network, image_shape, classes: int) -> Victim:
    """The network as the attack sees it: in another precision, or with the batch's statistics."""
    batch = plan.attack.attack_bn == "batch"
    dtype = plan.attack.attack_precision
    # Replicas cannot exchange statistics within the attack's loop, so these are each replica's own.
    if dtype == plan.network.precision and not (batch and plan.network.sync_bn):
        return network_victim(network, batch_statistics=batch)
    twin = _network(plan, image_shape, classes, dtype, sync_bn=False)
    return network_victim(network, twin=twin, batch_statistics=batch)


def _use_xla(flag: str) -> bool:
    return flag == "on" or (flag == "auto" and bool(tf.config.list_physical_devices("GPU")))


def _optimizer(plan: plans.Train, steps: int) -> keras.optimizers.Optimizer:
    rate, flags = learning_rate(plan, steps), plan.optimizer
    average = {} if flags.ema is None else {"use_ema": True, "ema_momentum": flags.ema}
    if flags.optimizer == "adam":
        return optim.Adam(rate, clip_norm=flags.clip_norm, **average)
    return optim.SGD(
        rate,
        momentum=flags.momentum,
        nesterov=flags.nesterov,
        clip_norm=flags.clip_norm,
        **average,
    )
