"""Imitation: an environment and its scripted expert in, policies and what they are worth out; needs `simtouch[envs,train]`.

`observers.py` turns observations into numbers or images, `rollouts.py` plays environments and labels every step with the expert's
action, `policies.py` and `diffusion.py` are what is fitted, `cloning.py` and `dagger.py` fit it, `scores.py` says how far it comes.
"""
