from setuptools import find_packages, setup

setup(name='kpt_plugins', version='0.1.0', packages=find_packages(include=['kpt_plugins*']))
